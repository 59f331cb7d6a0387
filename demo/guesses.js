// Guess first: the labels that people in the room would choose, and a corpus of them to take along.
// The clips of that corpus are fetched into this page; nothing is sent anywhere.
(() => {
  const { make, fill } = window.emo;

  const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
    let found = byte;
    for (let bit = 0; bit < 8; bit += 1) found = found & 1 ? 0xedb88320 ^ (found >>> 1) : found >>> 1;
    return found;
  });
  const crc32 = (bytes) => {
    let found = 0xffffffff;
    for (const byte of bytes) found = TABLE[(found ^ byte) & 0xff] ^ (found >>> 8);
    return (found ^ 0xffffffff) >>> 0;
  };

  /** A .zip of [name, bytes] pairs, not compressed: clips are already. APPNOTE.TXT 4.3. */
  const zipped = (files) => {
    const parts = [], entries = [];
    let at = 0;
    for (const [name, bytes] of files) {
      const path = new TextEncoder().encode(name);
      const fields = new DataView(new ArrayBuffer(26)); // what both headers say of a file
      fields.setUint16(0, 20, true);
      fields.setUint16(2, 0x0800, true); // names are UTF-8
      fields.setUint16(8, 0x21, true); // 1980-01-01
      fields.setUint32(10, crc32(bytes), true);
      fields.setUint32(14, bytes.length, true);
      fields.setUint32(18, bytes.length, true);
      fields.setUint16(22, path.length, true);
      parts.push(new Uint8Array([0x50, 0x4b, 3, 4]), fields.buffer, path, bytes);
      const end = new DataView(new ArrayBuffer(14));
      end.setUint32(10, at, true);
      entries.push(new Uint8Array([0x50, 0x4b, 1, 2, 20, 0]), fields.buffer, end.buffer, path);
      at += 30 + path.length + bytes.length;
    }
    const size = entries.reduce((sum, part) => sum + part.byteLength, 0);
    const last = new DataView(new ArrayBuffer(22));
    last.setUint32(0, 0x06054b50, true);
    last.setUint16(8, files.length, true);
    last.setUint16(10, files.length, true);
    last.setUint32(12, size, true);
    last.setUint32(16, at, true);
    return new Blob([...parts, ...entries, last.buffer], { type: "application/zip" });
  };
  const cell = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  const ANSWER = "#answer, #details, .player-of, .player-track, .player-peaks, .player-along"; // all that tells it

  class Guesses {
    constructor(root) { Object.assign(this, { root, clips: new Map(), first: false, rater: "" }); }

    /** show: { key, file, url, labels: [{ name, text }], answer, words } */
    update(show) {
      if (!show) {
        this.shown = null;
        this.root.replaceChildren();
        this.hide(false);
        return;
      }
      if (this.shown === show.key) return;
      this.shown = show.key;
      Object.assign(this, { show, say: show.words });
      if (!this.clips.has(show.key)) this.clips.set(show.key, { file: this.freeName(show.file), url: show.url, rows: [] });
      this.hide(this.first);
      this.draw();
    }

    /** A name that no other clip of the session has. */
    freeName(file) {
      const taken = new Set([...this.clips.values()].map((clip) => clip.file));
      const dot = file.lastIndexOf(".");
      let name = file;
      for (let n = 2; taken.has(name); n += 1) name = `${file.slice(0, dot)}-${n}${file.slice(dot)}`;
      return name;
    }

    hide(on) {
      this.style ??= make("style", "", document.head, { textContent: `:is(${ANSWER}), :is(${ANSWER}) * { visibility: hidden !important }` });
      this.style.disabled = !on;
      this.hidden = on;
    }

    draw() {
      this.root.replaceChildren();
      const box = make("details", "guesses", this.root, { open: this.open });
      box.ontoggle = () => { this.open = box.open; };
      make("summary", "", box, { textContent: this.say.head });
      const line = make("label", "guess-rater", box, { textContent: `${this.say.rater} ` });
      const rater = make("input", "", line, { value: this.rater, maxLength: 40, placeholder: this.say.rater_hint });
      rater.oninput = () => { this.rater = rater.value; };
      const row = make("div", "guess-labels", box, { role: "group", ariaLabel: this.say.head });
      this.buttons = this.show.labels.map((label) => {
        const button = make("button", "", row, { type: "button" });
        button.onclick = () => this.guess(label.name);
        return [label, button];
      });
      this.told = make("p", "guess-told", box);
      this.told.setAttribute("role", "status");
      const more = make("div", "guess-more", box);
      this.cover = make("button", "", more, { type: "button" });
      this.cover.onclick = () => { this.first = !this.hidden; this.hide(!this.hidden); this.tell(); };
      this.take = make("button", "", more, { type: "button", textContent: this.say.take });
      this.take.onclick = () => this.download();
      this.tell();
    }

    guess(label) {
      const { rows } = this.clips.get(this.shown), rater = this.rater.trim();
      const before = rater ? rows.findIndex((row) => row.rater === rater) : -1;
      if (before >= 0) rows.splice(before, 1); // who guesses again means the new one
      rows.push({ label, rater });
      const clip = this.clips.get(this.shown); // kept now: the server deletes a clip when another comes
      clip.bytes ??= this.bytesOf(clip.url).catch(() => null);
      this.tell();
    }

    tell() {
      const { rows } = this.clips.get(this.shown);
      for (const [label, button] of this.buttons) {
        const count = rows.filter((row) => row.label === label.name).length;
        button.textContent = count ? `${label.text} · ${count}` : label.text;
      }
      const said = fill(this.say.tally, { count: rows.length });
      this.told.textContent = this.hidden || !rows.length ? said : `${said} ${fill(this.say.answer, { answer: this.show.answer })}`;
      this.cover.textContent = this.hidden ? this.say.uncover : this.say.cover;
      this.take.disabled = ![...this.clips.values()].some((clip) => clip.rows.length);
    }

    /** clips and labels.csv as `emo data check` reads them: a row for each guess. */
    async corpus() {
      const guessed = [...this.clips.values()].filter((clip) => clip.rows.length);
      const rows = guessed.flatMap(({ file, rows: own }) => own.map(({ label, rater }) => [file, label, rater]));
      const table = [["file", "label", "rater"], ...rows].map((row) => row.map(cell).join(",")).join("\n");
      const files = [["labels.csv", new TextEncoder().encode(`${table}\n`)]];
      for (const clip of guessed) {
        const bytes = await clip.bytes;
        if (!bytes) throw new Error(clip.file);
        files.push([clip.file, bytes]);
      }
      return zipped(files);
    }

    async bytesOf(url) {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(String(answer.status));
      return new Uint8Array(await answer.arrayBuffer());
    }

    async download() {
      try {
        const url = URL.createObjectURL(await this.corpus());
        Object.assign(document.createElement("a"), { href: url, download: "emo-guesses.zip" }).click();
        setTimeout(() => URL.revokeObjectURL(url), 10_000);
      } catch {
        this.told.textContent = this.say.lost;
      }
    }
  }

  window.mountGuesses = (root) => (root.emoGuesses ??= new Guesses(root));
})();
