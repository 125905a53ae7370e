// The body of a function that Gradio calls with `element`, `trigger`, `props` and `watch` once the component's HTML is
// in the page. Python puts `const options = {...};` above it.
//
// The modules' address starts with the page's root, which may have a prefix. Like Gradio's own requests, it has the
// origin that the browser sees if the host is the same: a proxy may have changed scheme and port.
const root = new URL(window.gradio_config?.root || ".", document.baseURI);
const origin = root.hostname === location.hostname ? location.origin : root.origin;
import(`${origin}${root.pathname.replace(/\/$/, "")}${options.modules}/main.js`)
  .then(({ mount }) => {
    const viewer = mount(element.querySelector(".viewer"), document.getElementById(options.host) ?? element, options, {
      download: (data) => trigger("download", data),
      point: (data) => trigger("point", data),
      pick: (data) => trigger("pick", data),
      restore: (value) => {
        props.value = value;
      },
    });
    watch("value", () => viewer.show(props.value || null));
    watch("answer", () => viewer.downloaded(props.answer));
    viewer.show(props.value || null);
  })
  .catch((error) => {
    element.querySelector(".message").textContent = "The viewer could not be loaded. Please reload the page.";
    throw error;
  });
