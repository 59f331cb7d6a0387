// One clock for the player and every figure over seconds of the clip. No library.
(() => {
  const players = () => [...document.querySelectorAll("#film video, #video video, #sound audio")];
  const offset = (player) => {
    const start = player.closest("#film") && document.querySelector("[data-film-start]");
    return start ? Number(start.dataset.filmStart) : 0;
  };
  let last = null; // the player used last
  const current = () => {
    const shown = players().filter((player) => player.getClientRects().length);
    return shown.includes(last) ? last : shown.find((player) => !player.closest("#film")) || shown[0];
  };
  const time = (player) => player.currentTime + offset(player);

  function seek(seconds) {
    const player = current();
    if (!player || !Number.isFinite(seconds)) return;
    const end = Number.isFinite(player.duration) ? player.duration : Infinity;
    player.currentTime = Math.min(Math.max(seconds - offset(player), 0), Math.max(end - 0.01, 0));
    draw(seconds);
  }

  // A line over each plot where the clip is; Plotly knows where a second is on its axis.
  function cursor(plot) {
    let line = plot.querySelector(":scope > .now");
    if (!line) {
      line = document.createElement("div");
      line.className = "now";
      line.tabIndex = 0;
      line.setAttribute("role", "slider");
      line.setAttribute("aria-label", "Seconds of the clip");
      line.addEventListener("keydown", (event) => {
        const by = { ArrowLeft: -0.1, ArrowRight: 0.1, PageDown: -1, PageUp: 1 }[event.key];
        const player = current();
        if (by && player) { event.preventDefault(); seek(time(player) + by); }
      });
      plot.style.position = "relative";
      plot.append(line);
    }
    return line;
  }

  function draw(seconds) {
    for (const plot of document.querySelectorAll(".on-clock .js-plotly-plot")) {
      const layout = plot._fullLayout;
      if (!layout || !layout.xaxis || !plot.offsetParent) continue;
      const axis = layout.xaxis;
      const [first, end] = axis.range;
      const line = cursor(plot);
      line.style.left = `${axis._offset + axis.l2p(Math.min(Math.max(seconds, first), end))}px`;
      line.style.top = `${layout._size.t}px`;
      line.style.height = `${layout._size.h}px`;
      line.setAttribute("aria-valuemin", first.toFixed(1));
      line.setAttribute("aria-valuemax", end.toFixed(1));
      line.setAttribute("aria-valuenow", seconds.toFixed(2));
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-seek]");
    if (button) return seek(Number(button.dataset.seek));
    const plot = event.target.closest(".on-clock .js-plotly-plot");
    if (!plot || event.target.closest(".legend, .modebar, .now")) return;
    const axis = plot._fullLayout && plot._fullLayout.xaxis;
    if (!axis) return;
    const x = event.clientX - plot.getBoundingClientRect().left - axis._offset;
    if (x >= 0 && x <= axis._length) seek(axis.p2l(x));
  }, true);

  for (const name of ["play", "seeking", "timeupdate"]) {
    document.addEventListener(name, (event) => {
      if (!players().includes(event.target)) return;
      if (name === "play") last = event.target;
      draw(time(event.target));
    }, true);
  }

  // timeupdate comes four times a second; while it plays, the line follows every picture.
  (function follow() {
    const player = current();
    if (player && !player.paused) draw(time(player));
    requestAnimationFrame(follow);
  })();

  // A figure that was drawn in a closed tab learns its width when the tab is opened.
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[role=tab]")) return;
    for (const wait of [50, 400, 1200]) {
      setTimeout(() => {
        window.dispatchEvent(new Event("resize"));
        const player = current();
        if (player) draw(time(player));
      }, wait);
    }
  });

  // The player goes along where it is out of sight, but not before the film; on a narrow page every
  // new answer comes into view.
  const narrow = window.matchMedia("(max-width: 999px)");
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const away = new IntersectionObserver(([box]) => {
    const below = box.boundingClientRect.bottom < 80;
    const player = box.target.querySelector("video");
    box.target.classList.toggle("afloat", below && !!player);
    if (player) player.controls = below;
  }, { threshold: [0, 0.1, 0.25] });
  const filming = new IntersectionObserver(([box]) =>
    document.body.classList.toggle("filming", box.isIntersecting));
  let watched = null, film = null, card = null;
  new MutationObserver(() => {
    const player = document.querySelector("#video");
    if (player && player !== watched) { away.disconnect(); away.observe(player); watched = player; }
    const shown = document.querySelector("#film video");
    if (shown && shown !== film) { filming.disconnect(); filming.observe(shown); film = shown; }
    const said = document.querySelector("#answer .card:not(.quiet)");
    if (said && said !== card && narrow.matches)
      said.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "center" });
    card = said;
  }).observe(document, { childList: true, subtree: true });

  // gr.Video calls a film that this browser can't play an error, although the model reads it well.
  new MutationObserver(() => {
    for (const toast of document.querySelectorAll(".toast-body.error"))
      if (toast.textContent.includes("Video not playable")) toast.style.display = "none";
  }).observe(document, { childList: true, subtree: true });
})();
