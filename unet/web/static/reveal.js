// On a screen with one column, a new result lies below what was just touched: bring it into view.
(value) => {
  if (value !== null && matchMedia("(max-width: 700px)").matches) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    document.getElementById("threshold").scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
  }
  return [];
}
