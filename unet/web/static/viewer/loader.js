// The body of a function that Gradio calls with `element`, `trigger`, `props` and `watch` once the component's HTML is
// in place. `options` and `modules` (names and texts, imported ones first) stand above it.
//
// Modules become Blob URLs: no path of the server is needed, so the page works behind any proxy and with server-side
// rendering. Viewers of one page share them.
const key = JSON.stringify(modules);
const shelf = (globalThis.viewerModules ??= new Map());
if (!shelf.has(key)) {
  const urls = {};
  for (const [name, text] of modules) {
    const linked = text.replace(/from "\.\/([\w-]+\.js)";/g, (_, needed) => `from "${urls[needed]}";`);
    const parts = [linked, `\n//# sourceURL=viewer/${name}`];
    urls[name] = URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));
  }
  shelf.set(key, import(urls["main.js"]));
}
shelf.get(key).then(({ mount }) => {
  const viewer = mount(element.querySelector(".viewer"), document.getElementById(options.host) ?? element, options, {
    download: (data) => trigger("download", data),
    point: (data) => trigger("point", data),
    restore: (value) => {
      props.value = value;
    },
  });
  watch("value", () => viewer.show(props.value || null));
  watch("answer", () => viewer.downloaded(props.answer));
  viewer.show(props.value || null);
});
