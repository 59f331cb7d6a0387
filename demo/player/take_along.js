// What a visitor takes along of the player: a picture for slides, and the address of what it shows.
(() => {
  const WIDE = 1920, HALF = WIDE / 2; // pixels of the picture; it is drawn at half and twice as dense
  const EDGE = 24, PICTURE_HIGH = 360, TEXT_MOST = 400; // of those halves

  /** Text in lines of at most so many pixels; gives the height that it took. */
  const wrapped = (pen, text, x, y, width, line) => {
    let row = "", top = y;
    for (const word of text.split(" ")) {
      const longer = row ? `${row} ${word}` : word;
      if (row && pen.measureText(longer).width > width) {
        pen.fillText(row, x, top);
        [row, top] = [word, top + line];
      } else row = longer;
    }
    pen.fillText(row, x, top);
    return top + line - y;
  };

  /** The moment that the player shows, with title, what the map is of, and the track: a canvas. */
  const slide = (player) => {
    const { show, media } = player, colours = player.colours();
    const track = player.paint(HALF - 2 * EDGE, 2);
    const high = show.has_picture ? PICTURE_HIGH : 0;
    const page = new OffscreenCanvas(WIDE, 2 * (TEXT_MOST + high) + track.height + 4 * EDGE);
    const pen = page.getContext("2d");
    pen.fillStyle = colours.paper;
    pen.fillRect(0, 0, page.width, page.height);
    pen.scale(2, 2);
    pen.textBaseline = "top";
    pen.fillStyle = colours.ink;
    pen.font = `700 26px ${colours.font}`;
    let top = EDGE + wrapped(pen, `${show.title}, ${player.said(player.time())}`, EDGE, EDGE, HALF - 2 * EDGE, 32);
    pen.font = `16px ${colours.font}`;
    pen.fillStyle = colours.quiet;
    if (show.map) top += wrapped(pen, show.map.heading, EDGE, top + 4, HALF - 2 * EDGE, 22) + 4;
    top += 10;
    if (high) {
      const own = show.size || [media.videoWidth || 16, media.videoHeight || 9];
      const scale = Math.min((HALF - 2 * EDGE) / own[0], high / own[1]);
      const [w, h] = [own[0] * scale, own[1] * scale], left = (HALF - w) / 2;
      pen.drawImage(media, left, top, w, h);
      player.drawHeatOn(pen, player.time(), left, top, w, h);
      player.drawFacesOn(pen, player.time(), left, top, w, h);
      top += h + 12;
    }
    pen.drawImage(track, EDGE, top, track.width / 2, track.height / 2);
    const cut = new OffscreenCanvas(WIDE, Math.ceil(2 * top + track.height + 2 * EDGE));
    cut.getContext("2d").drawImage(page, 0, 0);
    return cut;
  };

  const download = async (canvas, name) => {
    const url = URL.createObjectURL(await canvas.convertToBlob({ type: "image/png" }));
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };

  /** The address of exactly what is shown. */
  const address = (show, time) => {
    const found = new URL(show.link, location.href);
    found.hash = "";
    found.searchParams.set("t", time.toFixed(1));
    return found.href;
  };

  const frame = (show, time) => {
    const title = show.title.replace(/["&<>]/g, "");
    return `<iframe src="${address(show, time).replace(/&/g, "&amp;")}" title="emo: ${title}" width="100%" height="900" loading="lazy"></iframe>`;
  };

  /** Buttons under the player; link and embed only where its document has an address. */
  class TakeAlong {
    constructor(player, row) {
      Object.assign(this, { player, row });
      const button = (act) => {
        const made = document.createElement("button");
        Object.assign(made, { type: "button", onclick: act });
        row.append(made);
        return made;
      };
      this.picture = button(() => download(slide(player), `${player.show.title}.png`));
      this.link = button(() => this.copy(address(player.show, player.time())));
      this.embed = button(() => this.copy(frame(player.show, player.time())));
      this.told = document.createElement("output");
      this.text = Object.assign(document.createElement("input"), { readOnly: true, hidden: true });
      row.append(this.told, this.text);
    }

    draw(show) {
      const say = show.words;
      this.picture.textContent = say.picture;
      this.link.textContent = say.link;
      this.embed.textContent = say.embed;
      this.picture.hidden = Boolean(show.preview);
      this.link.hidden = !show.link;
      this.embed.hidden = !(show.link && show.embed);
      this.told.textContent = "";
      this.text.hidden = true;
    }

    async copy(text) {
      const say = this.player.show.words;
      try {
        await navigator.clipboard.writeText(text);
        this.told.textContent = say.copied;
      } catch { // no clipboard, as on pages without https: it can be copied by hand
        Object.assign(this.text, { hidden: false, value: text, ariaLabel: say.by_hand });
        this.text.select();
        this.told.textContent = say.by_hand;
      }
    }
  }

  window.takeAlong = (player, row) => new TakeAlong(player, row);
  window.slideOf = slide;
})();
