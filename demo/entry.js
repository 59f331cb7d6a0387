// Where a clip comes in: dropped, chosen, or one of the drawn examples; long ones are cut here first.
(() => {
  const MOST_LOOK_MS = 10_000;
  const SERVER_EVERY_MS = 3000, RECENT_MS = 15_000, MISSES = 2; // looks for the server; without it, in a row
  const ANSWER_MS = 20_000; // a server that takes longer, twice, does not answer
  const CUT = { seconds: 10, lines: 360 };
  const { make, fill, fixed } = window.emo;
  const megabytes = (bytes) => fixed(bytes / 2 ** 20, bytes < 2 ** 20 * 10 ? 1 : 0);

  const giveUp = () => // on a file whose parts can't be found soon: it is sent, or refused, as it is
    new Promise((_, reject) => { setTimeout(() => reject(new Error("too slow")), MOST_LOOK_MS); });

  class Entry {
    constructor(root, give) {
      Object.assign(this, { root, give, shown: null });
    }

    /** show: { words, examples: [{ name, title, story, picture }], most_bytes, longest_s } */
    draw(show) {
      if (!show || this.shown === show.key) return;
      this.shown = show.key;
      this.show = show;
      const say = show.words;
      this.root.replaceChildren();
      const drop = make("label", "entry-drop", this.root);
      this.input = make("input", "", drop, { type: "file", accept: show.accept });
      make("strong", "", drop, { textContent: say.drop });
      make("span", "", drop, { textContent: say.drop_say });
      this.input.onchange = () => this.take(this.input.files[0]);
      this.drop = drop;
      const camera = make("button", "entry-camera", this.root, { type: "button", textContent: say.camera });
      camera.onclick = () => this.film(camera);
      this.state = make("div", "entry-state", this.root, { role: "status" });
      const cards = make("div", "entry-cards", this.root, { role: "group", ariaLabel: say.examples });
      for (const example of show.examples) {
        const card = make("button", "entry-card", cards, { type: "button" });
        make("img", "", card, { src: example.picture, alt: "" });
        make("strong", "", card, { textContent: example.title });
        make("span", "", card, { textContent: example.story });
        card.onclick = () => { this.example(example.name); this.reveal(); };
        card.dataset.example = example.name;
      }
    }

    film(button) {
      this.begun();
      button.disabled = true;
      this.camera = window.openCamera(this.state, {
        say: (key, values) => this.words(key, values),
        take: (file, note) => this.take(file, note),
        tell: (sentence) => { button.disabled = false; this.say(sentence, "trouble"); },
        close: () => { button.disabled = false; this.say(""); },
      });
    }

    /** The example in the page's address, or the one that opens the page. */
    begin() {
      const asked = new URLSearchParams(location.search);
      const named = this.show.examples.find((example) => example.name === asked.get("clip"));
      if (named) this.example(named.name, this.finding(asked));
      else if (this.show.first) this.example(this.show.first, { muted: true });
      if (asked.get("clip") && !named) this.say(this.words("no_example"), "trouble");
    }

    /** What an address asks for beside the clip: a map, and a moment. */
    finding(asked) {
      const named = ["method", "preset", "label"].map((name) => [name, asked.get(name)]);
      return { ...Object.fromEntries(named), at_s: Number(asked.get("t")) || 0 };
    }

    example(name, more = {}) {
      this.begun();
      this.mark(name);
      this.say("");
      this.give({ example: name, ...more });
    }

    /** What comes of it is above, out of sight on a phone. */
    reveal() {
      const stage = this.root.closest("#stage");
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (stage?.getBoundingClientRect().top < 0)
        stage.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
    }

    mark(name) {
      for (const card of this.root.querySelectorAll(".entry-card"))
        card.setAttribute("aria-pressed", String(card.dataset.example === name));
    }

    say(text, kind = "") {
      this.state.className = `entry-state ${kind}`;
      this.state.textContent = text;
      this.state.setAttribute("role", kind === "trouble" ? "alert" : "status");
    }

    /** Something else was chosen, and what is on its way ends. Gives the signal by which the new one will end. */
    begun() {
      this.camera?.leave();
      this.control?.abort();
      this.control = new AbortController();
      return this.control.signal;
    }

    /** What was dropped or pasted: the first file of it, or a sentence why there is none. */
    takeFirst(given) {
      const [first, ...others] = given.files;
      const isFolder = [...given.items].find((item) => item.kind === "file")?.webkitGetAsEntry?.()?.isDirectory;
      if (!first || isFolder) {
        this.say(this.words(isFolder ? "folder" : "no_file"), "trouble");
        this.state.scrollIntoView({ block: "nearest" });
      } else this.take(first, others.length ? this.words("first_only", { name: first.name }) : "");
    }

    /** note: a sentence that stays beside the clip. */
    async take(file, note = "") {
      if (!file) return;
      const signal = this.begun();
      this.mark(null);
      this.input.value = "";
      try {
        const small = await this.shorten(file);
        if (!small || signal.aborted) return;
        if (small.size > this.show.most_bytes) {
          this.say(this.words("too_large", { size: megabytes(small.size), most: megabytes(this.show.most_bytes) }), "trouble");
          return;
        }
        const path = await this.send(small, signal);
        if (signal.aborted) return;
        this.say(note);
        this.give({ file: path });
        this.reveal();
      } catch (error) {
        if (!signal.aborted) this.say(error.sentence || this.words("lost"), "trouble");
      }
    }

    words(key, values = {}) {
      return fill(this.show.words[key], values);
    }

    /** The file itself, or the part of it that the visitor keeps; null where they changed their mind. */
    async shorten(file) {
      const large = file.size > this.show.most_bytes / 4;
      if (!large && file.size < 2 ** 21) return file;
      let cutting;
      try {
        cutting = await import(new URL(this.show.cutting, document.baseURI).href);
        if (!cutting.canCut()) return file;
        const found = await Promise.race([cutting.inspect(file), giveUp()]);
        if (!found.hasVideo || (!large && found.seconds <= this.show.longest_s)) return file;
        return await this.choose(cutting, file, found);
      } catch (error) {
        if (error.reason === "stopped") return null;
        return file; // as it is: the page's own sentence tells what can't be read
      }
    }

    choose(cutting, file, found) {
      return new Promise((resolve, reject) => {
        this.state.replaceChildren();
        this.state.className = "entry-state cut";
        const say = (key, values) => this.words(key, values);
        const seconds = Math.min(CUT.seconds, found.seconds);
        make("p", "", this.state, {
          textContent: say("cut_say", { seconds: found.seconds.toFixed(0), size: megabytes(file.size), keep: seconds.toFixed(0) }),
        });
        const url = URL.createObjectURL(file);
        const film = make("video", "", this.state, { src: url, muted: true, preload: "metadata", playsInline: true });
        const line = make("label", "", this.state, { textContent: `${say("cut_from")} ` });
        const from = make("input", "", line, {
          type: "range", min: 0, max: Math.max(0, found.seconds - seconds), step: 0.1, value: 0,
        });
        const told = make("output", "", line, { textContent: `${fixed(0, 1)} s` });
        from.oninput = () => { film.currentTime = from.value; told.textContent = `${fixed(Number(from.value), 1)} s`; };
        const go = make("button", "entry-go", this.state, { type: "button", textContent: say("cut_go") });
        const whole = make("button", "", this.state, { type: "button", textContent: say("cut_whole"), hidden: file.size > this.show.most_bytes });
        const stop = make("button", "", this.state, { type: "button", textContent: say("stop") });
        const { control } = this;
        const end = (result) => { URL.revokeObjectURL(url); if (!control.signal.aborted) this.say(""); resolve(result); };
        stop.onclick = () => { end(null); control.abort(); };
        whole.onclick = () => end(file);
        go.onclick = async () => {
          for (const part of [from, go, whole]) part.disabled = true;
          const bar = make("progress", "", this.state, { max: 1, value: 0 });
          try {
            const onProgress = (share) => { bar.value = share; };
            end(await cutting.cut(file, { ...CUT, start: Number(from.value), onProgress, signal: control.signal }));
          } catch (error) {
            if (!control.signal.aborted) { this.say(say("cut_failed"), "trouble"); reject({ sentence: say("cut_failed") }); }
          }
        };
        go.focus();
      });
    }

    /** Uploads one file, telling how far it is; gives its path on the server. */
    send(file, signal) {
      return new Promise((resolve, reject) => {
        this.state.replaceChildren();
        this.state.className = "entry-state";
        const told = make("span", "", this.state);
        const bar = make("progress", "", this.state, { max: 1, value: 0 });
        const form = new FormData();
        form.append("files", file, file.name);
        const request = new XMLHttpRequest();
        const stop = make("button", "", this.state, { type: "button", textContent: this.show.words.stop });
        stop.onclick = () => { this.control.abort(); this.say(""); };
        signal.addEventListener("abort", () => request.abort());
        request.upload.onprogress = (event) => {
          bar.value = event.loaded / event.total;
          told.textContent = this.words("uploading", { done: megabytes(event.loaded), all: megabytes(event.total) });
        };
        request.onload = () => {
          if (request.status === 200) resolve(JSON.parse(request.responseText)[0]);
          else reject({ sentence: request.responseText.slice(0, 300) });
        };
        request.onerror = () => reject({});
        request.open("POST", "gradio_api/upload");
        request.send(form);
      });
    }
  }

  /** A file is taken wherever on the page it is dropped or pasted: elsewhere a browser opens it instead of the page. */
  const takeAnywhere = (entry) => {
    let ownDrag = false; // of a picture or words of this page
    document.addEventListener("dragstart", () => { ownDrag = true; });
    document.addEventListener("dragend", () => { ownDrag = false; });
    for (const name of ["dragover", "dragleave", "drop"]) {
      document.addEventListener(name, (event) => {
        if (ownDrag || !entry.drop) return;
        if (!event.dataTransfer.types.includes("Files") && !entry.drop.contains(event.target)) return;
        event.preventDefault();
        entry.drop.classList.toggle("over", name === "dragover");
        if (name === "drop") entry.takeFirst(event.dataTransfer);
      });
    }
    document.addEventListener("paste", (event) => {
      if (!entry.drop || !event.clipboardData?.files.length) return;
      event.preventDefault();
      entry.takeFirst(event.clipboardData);
    });
  };

  /** Nothing is asked while there is no line: gradio finds no way back after a question that was cut. */
  const refuseOffline = (entry) => {
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (navigator.onLine || !button || button.closest(".player")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      entry.say(entry.words("offline"), "trouble");
      entry.state.scrollIntoView({ block: "nearest" });
    }, true);
    window.addEventListener("online", () => entry.say(""));
  };

  /** While something is awaited, looks whether the server is there; says where it is not, and when it is back. */
  const watchServer = (entry) => {
    let asked = 0, missed = 0, told = false, looking = false;
    document.addEventListener("click", () => { asked = Date.now(); }, true);
    const look = async () => {
      const waiting = [...document.querySelectorAll("#answer .busy")];
      if (!missed && !told && !waiting.length && Date.now() - asked > RECENT_MS) return;
      if (looking || document.hidden || !navigator.onLine) return;
      looking = true;
      const patience = { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) };
      const there = await fetch("favicon.ico", patience).then((it) => it.ok, () => false);
      looking = false;
      missed = there ? 0 : missed + 1;
      if (!entry.show) return; // nor are there words yet
      if (missed >= MISSES && !(told && entry.state.textContent)) { // a click may have cleared it
        told = true;
        entry.say(entry.words("gone"), "trouble");
        for (const box of waiting) box.textContent = entry.words("gone");
      } else if (there && told) {
        told = false;
        entry.say(entry.words("back"));
        const again = make("button", "", entry.state, { type: "button", textContent: entry.words("reload") });
        again.onclick = () => location.reload();
      }
    };
    setInterval(look, SERVER_EVERY_MS);
  };

  window.mountEntry = (root, give) => {
    if (!root.emoEntry) {
      refuseOffline(root.emoEntry = new Entry(root, give));
      takeAnywhere(root.emoEntry);
      watchServer(root.emoEntry);
    }
    return root.emoEntry;
  };
})();
