// Runs before the first paint, so that a reader who chose dark never sees a white flash. A file of its own: no inline script, strict CSP.
try {
  var chosen = localStorage.getItem("clew-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch (_) {
  // Storage is blocked: the system's preference holds.
}
