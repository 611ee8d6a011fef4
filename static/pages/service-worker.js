/** Shows what is pushed while no page is open, and opens what it is about. Served at /service-worker.js, so that it is all pages'. */

const TITLE = "Holdfast";

/** @returns {{title: string, options: object}} what a push says; of one that says nothing readable, that there is something */
function shownAs(text) {
  try {
    const { id, title, message, data } = JSON.parse(text);
    const path = data?.booking ? `/bookings/${encodeURIComponent(data.booking)}` : "/my-bookings";
    return { title: title || TITLE, options: { body: message, tag: id, data: { path } } };
  } catch {
    return { title: TITLE, options: { body: "There is news of a booking.", data: { path: "/my-bookings" } } };
  }
}

async function open(path) {
  const address = new URL(path, self.location.origin).href;
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find(({ url }) => url === address);
  if (there) await there.focus();
  else await self.clients.openWindow(address);
}

self.addEventListener("push", (event) => {
  const { title, options } = shownAs(event.data?.text());
  event.waitUntil(self.registration.showNotification(title, options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.path));
});
