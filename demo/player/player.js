// The clip, the map over it, the faces in it, and one track under it: all on the clip's clock.
// mountPlayer(root, show) draws what document.py describes; it knows nothing of the page around it.
(() => {
  const SEEK_KEYS = { ArrowLeft: -0.1, ArrowRight: 0.1, PageDown: -1, PageUp: 1 };
  const RAISES = [213, 94, 0], LOWERS = [0, 114, 178]; // Okabe and Ito 2008
  const css = (colour) => `rgb(${colour})`;
  const ROW = { answer: 50, picture: 46, sound: 46, faces: 24, words: 24 }; // CSS pixels
  const LETTERS = 20, AXIS = 22; // height of a line of the track, and of its axis
  const NUMBER = 36; // width for a number of the axis
  const MARGIN = 84, END = 18; // left of the track, for the names of its rows, and right of it
  const ICONS = {
    play: "M6 4l14 8-14 8z", pause: "M6 4h4v16H6zM14 4h4v16h-4z",
    sound: "M4 9v6h4l5 5V4L8 9zM16 8a5 5 0 010 8M18 5a9 9 0 010 14",
    silent: "M4 9v6h4l5 5V4L8 9zM16 9l6 6M22 9l-6 6",
  };
  const icon = (name) =>
    `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
  const { make, fixed } = window.emo;
  const clock = (seconds) => {
    const tenths = Math.round(Math.max(0, seconds) * 10);
    return `${Math.floor(tenths / 600)}:${fixed((tenths % 600) / 10, 1).padStart(4, "0")}`;
  };
  const signed = (text) => Int8Array.from(atob(text), (c) => c.charCodeAt(0));

  class Player {
    constructor(root, on) {
      this.root = root;
      this.on = on; // { unplayable, seek }
      this.show = null;
      this.tiles = new Map();
      this.blend = 0.7;
      this.boxes = true;
      this.build();
      new ResizeObserver(() => this.draw()).observe(this.track);
      const follow = () => {
        if (!root.isConnected) return;
        if (this.media && !this.media.paused) this.tick();
        requestAnimationFrame(follow);
      };
      requestAnimationFrame(follow);
    }

    build() {
      this.root.replaceChildren();
      const box = make("div", "player", this.root, { role: "group" });
      this.box = box;
      this.stage = make("div", "player-stage", box);
      this.media = make("video", "", this.stage, { playsInline: true, preload: "auto" });
      this.heat = make("canvas", "player-heat", this.stage, { ariaHidden: "true" });
      this.marks = make("canvas", "player-faces", this.stage, { ariaHidden: "true" });
      this.plain = make("p", "player-plain", this.stage);
      const bar = make("div", "player-bar", box);
      this.play = make("button", "player-play", bar, { type: "button" });
      this.mute = make("button", "player-mute", bar, { type: "button" });
      this.now = make("output", "player-now", bar);
      const mix = make("label", "player-mix", bar);
      this.clipWord = make("span", "", mix);
      this.slider = make("input", "", mix, { type: "range", min: 0, max: 100, value: 70 });
      this.mapWord = make("span", "", mix);
      const faces = make("label", "player-boxes", bar);
      this.facesBox = make("input", "", faces, { type: "checkbox", checked: true });
      this.facesWord = make("span", "", faces);
      this.note = make("p", "player-note", box);
      this.heading = make("p", "player-of", box, { role: "status" });
      this.track = make("canvas", "player-track", box, { tabIndex: 0, role: "slider" } );
      this.track.setAttribute("role", "slider");
      this.peaks = make("p", "player-peaks", box);
      this.along = window.takeAlong(this, make("p", "player-along", box));
      this.listen();
    }

    listen() {
      const { media, track } = this;
      this.play.onclick = () => this.toggle();
      this.mute.onclick = () => { media.muted = !media.muted; this.label(); };
      this.slider.oninput = () => { this.blend = this.slider.value / 100; this.tick(); };
      this.facesBox.onchange = () => { this.boxes = this.facesBox.checked; this.tick(); };
      for (const name of ["play", "pause", "ended", "volumechange"]) media.addEventListener(name, () => this.label());
      for (const name of ["timeupdate", "seeked", "loadeddata"]) media.addEventListener(name, () => this.tick());
      const failed = () => {
        if (!this.show?.url || this.told === this.show.url) return;
        this.failed = this.show.url;
        if (this.show.preview) return; // there is nothing to make a film of before the answer
        this.told = this.show.url;
        this.on.unplayable?.(this.show);
      };
      this.checkFailed = () => { if (this.failed === this.show.url) failed(); };
      media.addEventListener("error", failed);
      media.addEventListener("loadedmetadata", () => {
        if (this.show?.has_picture && !media.videoWidth) failed();
        this.fitStage();
        this.draw();
      });
      const point = (event) => this.seek(this.timeAt(event.clientX));
      track.addEventListener("pointerdown", (event) => { track.setPointerCapture(event.pointerId); point(event); });
      track.addEventListener("pointermove", (event) => { if (event.buttons) point(event); });
      this.box.addEventListener("keydown", (event) => this.key(event));
      this.box.addEventListener("keyup", (event) => { if (event.key === "m") this.hold(false); });
    }

    key(event) {
      if (event.target === this.slider || event.altKey || event.ctrlKey || event.metaKey) return;
      const by = SEEK_KEYS[event.key];
      const onButton = event.target.tagName === "BUTTON";
      if (by !== undefined) this.seek(this.time() + (event.shiftKey ? 10 * by : by));
      else if (event.key === "Home") this.seek(0);
      else if (event.key === "End") this.seek(this.length());
      else if (event.key === " " && !onButton && event.target !== this.facesBox) this.toggle();
      else if (event.key === "m") this.hold(true);
      else return;
      event.preventDefault();
    }

    hold(on) {
      if (this.held === on) return;
      this.held = on;
      this.tick();
    }

    toggle() {
      if (this.media.paused) this.media.play().catch(() => {});
      else this.media.pause();
    }

    time() { return this.media.currentTime || 0; }
    /** Seconds; 0 where nobody knows yet, as of a camera's recording, which states no length. */
    known() {
      const stated = this.show?.duration_s || this.media.duration;
      return Number.isFinite(stated) ? stated : 0;
    }

    length() { return this.known() || 0.001; }

    seek(seconds) {
      const to = Math.min(Math.max(seconds, 0), this.length());
      this.media.currentTime = to;
      this.on.seek?.(to);
      this.tick(to);
    }

    timeAt(x) {
      const area = this.track.getBoundingClientRect();
      return ((x - area.left - MARGIN) / Math.max(1, area.width - MARGIN - END)) * this.length();
    }

    /** Draws another document; the clip goes on where only its map is new. */
    update(show) {
      const before = this.show;
      this.show = show;
      this.box.hidden = false;
      this.tiles.clear();
      const say = show.words;
      this.box.setAttribute("aria-label", `${say.player}: ${show.title}`);
      this.track.setAttribute("aria-label", say.time);
      [this.clipWord.textContent, this.mapWord.textContent] = [say.clip, say.map];
      this.slider.setAttribute("aria-label", say.mix);
      this.facesWord.textContent = say.faces;
      this.facesBox.parentElement.hidden = !show.faces?.some((frame) => frame.boxes.length);
      this.slider.parentElement.hidden = !show.map?.frames?.length;
      if (before?.url !== show.url) {
        for (const canvas of [this.heat, this.marks]) this.fit(canvas); // cleared of the clip before
        this.media.src = show.url;
        this.media.muted = Boolean(show.muted);
        this.media.loop = Boolean(show.muted);
        if (show.muted) this.media.play().catch(() => {});
      }
      this.fitStage();
      this.note.textContent = show.note || "";
      this.heading.textContent = show.map?.heading || show.waiting || "";
      this.box.classList.toggle("stale", Boolean(show.map?.stale));
      this.drawPeaks();
      this.along.draw(show);
      this.label();
      this.draw();
      if (show.other_clock) this.failed = show.url;
      this.checkFailed();
      if (show.at_s != null && before?.url !== show.url) this.seekWhenReady(show.at_s);
    }

    /** The stage is as wide and high as the clip, as far as that is known. */
    fitStage() {
      const { show, media } = this;
      if (!show) return;
      const [width, height] = show.size ?? [media.videoWidth || 16, media.videoHeight || 9];
      const none = !show.has_picture || Boolean(show.preview && media.readyState && !media.videoWidth);
      this.stage.style.aspectRatio = `${width} / ${height}`;
      this.stage.classList.toggle("no-picture", none);
      this.plain.textContent = none ? show.words.no_picture : "";
    }

    /** Nothing is shown: no clip, or one that nobody has agreed to. */
    clear() {
      this.show = this.base = null;
      this.media.removeAttribute("src");
      this.media.load();
      this.box.hidden = true;
    }

    seekWhenReady(seconds) {
      if (this.media.readyState) this.seek(seconds);
      else this.media.addEventListener("loadedmetadata", () => this.seek(seconds), { once: true });
    }

    label() {
      const say = this.show?.words;
      if (!say) return;
      const playing = !this.media.paused;
      this.play.innerHTML = icon(playing ? "pause" : "play");
      this.play.setAttribute("aria-label", playing ? say.pause : say.play);
      this.mute.innerHTML = icon(this.media.muted ? "silent" : "sound");
      this.mute.setAttribute("aria-label", this.media.muted ? say.unmute : say.mute);
      this.mute.hidden = !this.show.has_sound;
    }

    drawPeaks() {
      this.peaks.replaceChildren();
      if (!this.show.peaks?.length) return;
      make("span", "", this.peaks, { textContent: this.show.words.peaks });
      for (const peak of this.show.peaks) {
        const button = make("button", `player-peak ${peak.kind}`, this.peaks, {
          type: "button", textContent: peak.text,
        });
        button.onclick = () => this.seek(peak.time_s);
      }
    }

    colours() {
      const style = getComputedStyle(this.box);
      const get = (name) => style.getPropertyValue(name).trim();
      return { ink: get("--player-ink"), quiet: get("--player-quiet"), line: get("--player-line"),
        raises: get("--player-raises"), lowers: get("--player-lowers"), accent: get("--player-accent"),
        paper: get("--player-paper"),
        font: style.fontFamily };
    }

    rows() {
      const show = this.show, map = show.map;
      const found = [];
      if (show.answers?.length) found.push("answer");
      if (map?.picture) found.push("picture");
      if (map?.sound) found.push("sound");
      if (show.faces?.length) found.push("faces");
      if (show.spoken?.length) found.push("words");
      return found;
    }

    height() { return this.rows().reduce((sum, name) => sum + ROW[name], 0) + AXIS; }

    /** The track without the line that moves, once for every size and document. */
    draw() {
      if (!this.show) return;
      const { track } = this;
      track.hidden = !this.known(); // there is no time to draw
      track.style.height = `${this.height()}px`;
      if (!track.clientWidth) return;
      this.base = this.paint(track.clientWidth, window.devicePixelRatio || 1);
      this.tick();
    }

    /** The track, so many CSS pixels wide. */
    paint(width, dense) {
      const rows = this.rows();
      const base = new OffscreenCanvas(Math.round(width * dense), Math.round(this.height() * dense));
      const pen = base.getContext("2d");
      pen.scale(dense, dense);
      const colours = this.colours(), inner = width - MARGIN - END;
      const x = (seconds) => MARGIN + (seconds / this.length()) * inner;
      pen.font = `14px ${colours.font}`;
      let top = 0;
      for (const name of rows) {
        pen.fillStyle = colours.quiet;
        pen.textBaseline = "middle";
        pen.fillText(this.show.words[`row_${name}`], 0, top + ROW[name] / 2, MARGIN - 6);
        this[`draw_${name}`](pen, x, top, ROW[name], colours);
        top += ROW[name];
      }
      this.axis(pen, x, top, colours);
      return base;
    }

    axis(pen, x, top, colours) {
      const length = this.length(), most = Math.min(10, (x(length) - x(0)) / NUMBER);
      const step = [0.5, 1, 2, 5, 10, 20, 30, 60, 120].find((s) => length / s <= most) || 300;
      pen.strokeStyle = pen.fillStyle = colours.quiet;
      pen.textBaseline = "top";
      for (let at = 0; at <= length + 1e-6; at += step) {
        pen.fillRect(x(at), top, 1, 4);
        pen.textAlign = "center";
        pen.fillText(step < 1 ? fixed(at, 1) : at < 60 ? `${Math.round(at)}` : clock(at).slice(0, -2), x(at), top + 5);
      }
      pen.textAlign = "left";
    }

    draw_answer(pen, x, top, height, colours) {
      for (const part of this.show.answers || []) {
        const full = height - LETTERS - 4, tall = Math.max(3, full * part.value);
        const left = x(part.start_s) + 1, wide = Math.max(2, x(part.end_s) - left - 1);
        pen.fillStyle = part.colour || colours.accent;
        pen.globalAlpha = part.sure ? 0.95 : 0.45;
        pen.fillRect(left, top + LETTERS + full - tall, wide, tall);
        pen.globalAlpha = 1;
        pen.fillStyle = colours.ink;
        pen.textBaseline = "middle";
        const fits = [part.text, part.short || ""].find((text) => pen.measureText(text).width <= wide);
        if (fits) pen.fillText(fits, left, top + LETTERS / 2);
      }
    }

    bars(values, pen, x, top, height, colours) {
      const { edges_s, most } = this.show.map, middle = top + height / 2;
      pen.fillStyle = colours.line;
      pen.fillRect(x(0), middle, x(this.length()) - x(0), 1);
      values.forEach((value, place) => {
        const tall = (Math.abs(value) / (most || 1)) * (height / 2 - 4);
        pen.fillStyle = value > 0 ? colours.raises : colours.lowers;
        const left = x(edges_s[place][0]), right = x(edges_s[place][1]);
        pen.fillRect(left, value > 0 ? middle - tall : middle, Math.max(1, right - left - 1), Math.max(tall, 0.5));
      });
    }

    draw_picture(...at) { this.bars(this.show.map.picture, ...at); }
    draw_sound(...at) { this.bars(this.show.map.sound, ...at); }

    draw_faces(pen, x, top, height, colours) {
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      let last = -Infinity;
      for (const frame of this.show.faces) {
        pen.fillStyle = frame.boxes.length ? colours.ink : colours.quiet;
        if (x(frame.time_s) - last < 14) continue;
        last = x(frame.time_s);
        pen.fillText(frame.boxes.length || "·", last, top + height / 2);
      }
      pen.textAlign = "left";
    }

    draw_words(pen, x, top, height, colours) {
      pen.fillStyle = colours.ink;
      pen.textBaseline = "middle";
      for (const word of this.show.spoken) pen.fillText(word.text, x(word.start_s), top + height / 2);
    }

    /** All that moves: the line on the track, the map and the faces of this moment. */
    tick(at = this.time()) {
      if (!this.show || !this.base) return;
      const { track, base } = this, dense = window.devicePixelRatio || 1;
      if (track.width !== base.width || track.height !== base.height) {
        track.width = base.width;
        track.height = base.height;
      }
      const pen = track.getContext("2d");
      pen.clearRect(0, 0, track.width, track.height);
      pen.drawImage(base, 0, 0);
      const x = (MARGIN + (at / this.length()) * (track.clientWidth - MARGIN - END)) * dense;
      pen.fillStyle = this.colours_now ??= this.colours().accent;
      pen.fillRect(Math.round(x - dense), 0, Math.round(2 * dense), track.height - 16 * dense);
      this.frames = (this.frames || 0) + 1;
      this.now.textContent = `${clock(at)} / ${clock(this.length())}`;
      track.setAttribute("aria-valuemin", "0");
      track.setAttribute("aria-valuemax", this.length().toFixed(1));
      track.setAttribute("aria-valuenow", at.toFixed(1));
      track.setAttribute("aria-valuetext", this.said(at));
      this.drawHeat(at);
      this.drawFaces(at);
    }

    said(at) {
      const part = (this.show.answers || []).find((p) => at >= p.start_s && at < p.end_s);
      return `${fixed(at, 1)} s${part ? `: ${part.text}` : ""}`;
    }

    /** What to draw with over the clip, when, and where the clip's frame is. */
    fit(canvas, at) {
      const width = this.stage.clientWidth, height = this.stage.clientHeight;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, width, height);
      const own = this.show.size || [this.media.videoWidth || 16, this.media.videoHeight || 9];
      const scale = Math.min(width / own[0], height / own[1]);
      const [w, h] = [own[0] * scale, own[1] * scale];
      return [pen, at, (width - w) / 2, (height - h) / 2, w, h];
    }

    nearest(frames, at) {
      return frames.reduce((best, frame) => (Math.abs(frame.time_s - at) < Math.abs(best.time_s - at) ? frame : best));
    }

    drawHeat(at) { this.drawHeatOn(...this.fit(this.heat, at)); }

    drawHeatOn(pen, at, left, top, width, height) {
      const frames = this.show.map?.frames;
      const strength = this.held ? 1 : this.blend;
      if (!frames?.length || strength <= 0) return;
      const frame = this.nearest(frames, at);
      pen.globalAlpha = strength;
      pen.imageSmoothingEnabled = true;
      pen.imageSmoothingQuality = "high";
      pen.drawImage(this.tile(frame), left, top, width, height);
      pen.globalAlpha = 1;
    }

    tile(frame) {
      let tile = this.tiles.get(frame);
      if (tile) return tile;
      const values = signed(frame.values), [width, height] = this.show.map.grid;
      tile = new OffscreenCanvas(width, height);
      const pen = tile.getContext("2d"), image = pen.createImageData(width, height);
      values.forEach((value, place) => {
        const [r, g, b] = value > 0 ? RAISES : LOWERS;
        image.data.set([r, g, b, 215 * Math.pow(Math.abs(value) / 127, 0.7)], 4 * place);
      });
      pen.putImageData(image, 0, 0);
      this.tiles.set(frame, tile);
      return tile;
    }

    drawFaces(at) {
      const place = this.fit(this.marks, at);
      if (this.media.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.drawFacesOn(...place);
    }

    drawFacesOn(pen, at, left, top, width, height) {
      if (!this.boxes || !this.show.faces?.length) return;
      const frame = this.nearest(this.show.faces, at);
      if (Math.abs(frame.time_s - at) > 0.3) return;
      pen.lineWidth = 2;
      pen.font = `600 14px ${getComputedStyle(this.box).fontFamily}`;
      pen.textBaseline = "alphabetic";
      const now = frame.time_s; // of the frame whose faces these are
      const adds = this.show.map?.people?.find((it) => now >= it.start_s && now <= it.end_s)?.values ?? {};
      const added = (place) => adds[frame.people[place]] ?? [0, ""];
      const order = [...frame.boxes.keys()].sort((a, b) => Math.abs(added(a)[0]) - Math.abs(added(b)[0]));
      for (const place of order) { // where tags overlap, who adds most is on top
        const box = frame.boxes[place];
        const [l, t, r, b] = [left + box[0] * width, top + box[1] * height, left + box[2] * width, top + box[3] * height];
        const number = String(frame.people[place]), [value, text] = added(place);
        const tag = text ? `${number}  ${text}` : number, wide = pen.measureText(tag).width + 10;
        const from = Math.min(l, left + width - wide);
        pen.strokeStyle = value ? css(value > 0 ? RAISES : LOWERS) : "#fff";
        pen.strokeRect(l, t, r - l, b - t);
        pen.fillStyle = "#12151b";
        pen.fillRect(from, Math.max(top, t - 20), wide, 20);
        pen.fillStyle = "#fff";
        pen.fillText(tag, from + 5, Math.max(top, t - 20) + 15);
      }
    }
  }

  window.mountPlayer = (root, on = {}) => (root.emoPlayer ??= new Player(root, on));
})();
