/** In an overlay the bank's page answers without leaving, and says so to the page beneath. */

for (const button of document.querySelectorAll("button[value]")) {
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams({ answer: button.value });
    await fetch(location.pathname, { method: "POST", body, headers: { accept: "application/json" } });
    parent.postMessage({ event: "answered" }, "*");
  });
}
