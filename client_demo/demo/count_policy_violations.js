// Counts what the page's own policy has refused since the page began to load.
let count = 0;

addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
  count += 1;
  show(`violations so far; the last: ${effectiveDirective} ${blockedURI}`);
});

function show(text) {
  const box = document.getElementById("count");
  if (!box) return addEventListener("DOMContentLoaded", () => show(text), { once: true });
  box.dataset.count = box.value = count;
  document.getElementById("what").textContent = text;
}
