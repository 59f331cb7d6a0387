// What if? One thing is changed in what the model gets; every answer was computed beforehand.
(() => {
  const { make, fill, fixed } = window.emo;
  const plus = (value) => (value < 0 ? "−" : "+") + fixed(Math.abs(value), 2);

  class Faders {
    constructor(root) { this.root = root; }

    /** show: { label, base, moved: [{ by_s, score }], changed: [{ name, score }], believed, words } */
    update(show) {
      if (!show) { this.root.replaceChildren(); this.shown = null; return; }
      if (this.shown === show.key) return;
      this.shown = show.key;
      Object.assign(this, { show, say: show.words });
      this.root.replaceChildren();
      this.root.classList.add("faders");
      if (show.believed) this.guess();
      this.scale();
      if (show.moved.length > 1) this.shift();
      this.changes();
      this.at(show.base, this.say.as_it_is);
    }

    guess() {
      const box = make("fieldset", "fader-guess", this.root);
      make("legend", "", box, { textContent: fill(this.say.guess, { label: this.show.label }) });
      const told = make("p", "", box, { role: "status" });
      for (const name of ["picture", "sound"]) {
        const button = make("button", "", box, { type: "button", textContent: this.say[name] });
        button.onclick = () => {
          for (const other of box.querySelectorAll("button")) other.disabled = true;
          button.setAttribute("aria-pressed", "true");
          const right = name === this.show.believed.most;
          const tally = JSON.parse(sessionStorage.getItem("emo-guesses") || '{"right":0,"all":0}');
          tally.all += 1;
          tally.right += Number(right);
          sessionStorage.setItem("emo-guesses", JSON.stringify(tally));
          told.textContent = fill(right ? this.say.guessed : this.say.not_guessed, {
            picture: plus(this.show.believed.picture), sound: plus(this.show.believed.sound), ...tally });
        };
      }
      box.append(told);
    }

    scale() {
      const all = [this.show.base, ...this.show.moved, ...this.show.changed].map((x) => x.score ?? x);
      const [low, high] = [Math.min(...all), Math.max(...all)];
      const pad = Math.max(0.2, (high - low) * 0.08);
      this.range = [low - pad, high + pad];
      const box = make("div", "fader-scale", this.root);
      this.was = make("span", "fader-was", box);
      this.fillBar = make("span", "fader-fill", box);
      this.is = make("span", "fader-is", box);
      const ends = make("p", "fader-ends", this.root);
      make("span", "", ends, { textContent: fill(this.say.less, { label: this.show.label }) });
      make("span", "", ends, { textContent: fill(this.say.more, { label: this.show.label }) });
      this.told = make("p", "fader-told", this.root, { role: "status" });
    }

    place(score) { return (100 * (score - this.range[0])) / (this.range[1] - this.range[0]); }

    at(score, name) {
      const [was, is] = [this.place(this.show.base), this.place(score)];
      this.was.style.left = `${was}%`;
      this.is.style.left = `${is}%`;
      Object.assign(this.fillBar.style, { left: `${Math.min(was, is)}%`, width: `${Math.abs(was - is)}%` });
      this.fillBar.className = `fader-fill ${is < was ? "lowers" : "raises"}`;
      this.told.textContent = fill(this.say.told, {
        name, label: this.show.label, before: plus(this.show.base), after: plus(score), by: plus(score - this.show.base) });
    }

    shift() {
      const moved = this.show.moved;
      const row = make("label", "fader-row", this.root, { textContent: this.say.shift });
      const slider = make("input", "", row, {
        type: "range", min: 0, max: moved.length - 1, step: 1, value: moved.findIndex((x) => !x.by_s) });
      this.slider = slider;
      slider.oninput = () => {
        const found = moved[slider.value];
        const name = found.by_s === 0 ? this.say.as_it_is
          : fill(found.by_s > 0 ? this.say.later : this.say.earlier, { seconds: fixed(Math.abs(found.by_s), 1) });
        slider.setAttribute("aria-valuetext", name);
        this.press(null);
        this.at(found.score, name);
      };
    }

    press(button) {
      for (const other of this.root.querySelectorAll(".fader-change"))
        other.setAttribute("aria-pressed", String(other === button));
    }

    changes() {
      const row = make("div", "fader-changes", this.root, { role: "group" });
      const all = [{ name: this.say.as_it_is, score: this.show.base }, ...this.show.changed];
      for (const found of all) {
        const button = make("button", "fader-change", row, { type: "button", textContent: found.name });
        button.onclick = () => {
          if (this.slider) this.slider.value = this.show.moved.findIndex((x) => !x.by_s);
          this.press(button);
          this.at(found.score, found.name);
        };
      }
    }
  }

  window.mountFaders = (root) => (root.emoFaders ??= new Faders(root));
})();
