// Draws a figure by Plotly when a pointer or the keyboard first comes to it; without Plotly the
// still picture stays. All pages share one copy of Plotly, which lies beside this file.
const folder = new URL(".", document.currentScript.src);
let loading;

function fetchPlotly() {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = new URL("plotly.min.js", folder);
    script.onload = () => done(window.Plotly);
    script.onerror = failed;
    document.head.append(script);
  });
  return loading;
}

async function draw(place) {
  const { data, layout } = JSON.parse(place.querySelector("script").textContent);
  const still = place.querySelector("img");
  const plotly = await fetchPlotly();
  const drawn = document.createElement("div");
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", still.alt);
  Object.assign(drawn.style, { width: `${layout.width}px`, height: `${layout.height}px` });
  place.append(drawn);
  await plotly.newPlot(drawn, data, layout, { displayModeBar: false });
  still.hidden = true;
}

for (const place of document.querySelectorAll(".hover-figure")) {
  let begun = false;
  for (const event of ["pointerenter", "focus"]) {
    place.addEventListener(event, () => {
      if (!begun) draw(place).catch(() => {});
      begun = true;
    });
  }
}
