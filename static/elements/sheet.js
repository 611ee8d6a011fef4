/** @param {TemplateStringsArray} css @returns {CSSStyleSheet} to adopt; a policy without inline styles allows these */
export function sheet(css) {
  const made = new CSSStyleSheet();
  made.replaceSync(css.raw[0]);
  return made;
}
