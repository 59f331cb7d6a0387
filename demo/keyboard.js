// gradio 6.31 opens the list of a dropdown when Tab leaves it, over what follows.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Tab" || !event.target.matches?.("[role=combobox]")) return;
  event.stopPropagation();
  event.target.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
}, true);
