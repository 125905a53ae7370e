// Uploads: every file goes to the server, which judges it by its content, and a refusal for its size is a sentence.
{
  const ZONE = "#image"; // the input for one picture; the one for many takes any file already
  const ENDINGS = document.querySelector("meta[name=picture-endings]").content;
  const OTHER = "image/x-unknown"; // Gradio takes files of a type that begins with image/ only
  const TOO_LARGE =
    "The file is too large for the server, or for a proxy in front of it (status 413). " +
    "Upload a smaller one; whoever runs the proxy can raise its limit.";

  const known = (file) => file.type.startsWith("image/");

  /** The files, each with a type that Gradio lets through. HEIC, AVIF and TIFF have none in many browsers. */
  function typed(files) {
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(known(file) ? file : new File([file], file.name, { type: OTHER }));
    return transfer;
  }

  // Capturing, so that these run before Gradio's own listeners.
  document.addEventListener(
    "drop",
    (event) => {
      const files = [...(event.dataTransfer?.files ?? [])];
      if (!event.target.closest?.(ZONE) || files.every(known)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const dataTransfer = typed(files);
      event.target.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer }));
    },
    true,
  );

  const input = (event) => (event.target.matches?.(`${ZONE} input[type=file]`) ? event.target : null);

  document.addEventListener(
    "click",
    (event) => {
      const chosen = input(event);
      if (chosen) chosen.accept = `image/*,${ENDINGS}`; // what the file dialog offers, which opens after this
    },
    true,
  );

  document.addEventListener(
    "change",
    (event) => {
      const chosen = input(event);
      if (chosen && ![...chosen.files].every(known)) chosen.files = typed(chosen.files).files;
    },
    true,
  );

  // A proxy answers with a page of HTML, which would be shown as it is; the server's own answers are JSON.
  const original = window.fetch;
  window.fetch = async (...request) => {
    const response = await original.apply(window, request);
    if (response.status !== 413 || response.headers.get("content-type")?.includes("json")) return response;
    const headers = { "Content-Type": "application/json" };
    return new Response(JSON.stringify({ detail: TOO_LARGE }), { status: 413, headers });
  };
}
