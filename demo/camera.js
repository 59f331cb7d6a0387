// The camera: a countdown, a limit that ends the recording, and a word where pictures were lost.
(() => {
  const LIMIT_S = 10, COUNT_FROM = 3;
  const FEWEST = 8; // pictures; of fewer no movement can be told
  const ENOUGH = 0.6; // share of the pictures that the camera promised
  const WANTED = { video: { width: 640, height: 480, frameRate: 25 }, audio: true };
  const KINDS = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];
  const { make } = window.emo;
  const seconds = (count) => new Promise((done) => { setTimeout(done, 1000 * count); });

  /** How long a recording lasts: browsers leave it out of its header, so its end is looked for. */
  const lengthOf = (blob) => new Promise((done) => {
    const film = document.createElement("video"), url = URL.createObjectURL(blob);
    const end = (length) => { URL.revokeObjectURL(url); done(length); };
    film.onerror = () => end(0);
    film.ondurationchange = () => { if (Number.isFinite(film.duration)) end(film.duration); };
    film.onloadedmetadata = () => { film.currentTime = 1e7; };
    film.src = url;
  });

  class Camera {
    /** say: words by key. take(file, note): a recording, and what is to be said of it. tell: of trouble. */
    constructor(box, { say, take, tell, close }) {
      Object.assign(this, { box, say, take, tell, onClose: close });
    }

    async open() {
      try {
        this.stream = await navigator.mediaDevices.getUserMedia(WANTED);
      } catch {
        this.closed = true;
        this.tell(this.say(window.isSecureContext ? "camera_none" : "camera_plain"));
        return;
      }
      this.box.replaceChildren();
      this.box.className = "entry-state camera";
      this.film = make("video", "", this.box, { muted: true, autoplay: true, playsInline: true, srcObject: this.stream });
      this.told = make("p", "camera-told", this.box, { textContent: this.say("camera_ready", { limit: LIMIT_S }) });
      this.told.setAttribute("role", "status");
      this.bar = make("progress", "", this.box, { max: LIMIT_S, value: 0, hidden: true });
      this.go = make("button", "entry-go", this.box, { type: "button", textContent: this.say("camera_record") });
      this.stop = make("button", "", this.box, { type: "button", textContent: this.say("stop") });
      this.go.onclick = () => this.record();
      this.stop.onclick = () => this.leave();
      this.go.focus();
    }

    /** Pictures that the camera has delivered so far. */
    delivered() {
      return this.track.stats?.deliveredFrames ?? this.film.getVideoPlaybackQuality().totalVideoFrames;
    }

    async record() {
      [this.track] = this.stream.getVideoTracks();
      this.go.hidden = true;
      for (let left = COUNT_FROM; left > 0; left -= 1) {
        this.told.textContent = String(left);
        this.told.classList.add("counting");
        await seconds(1);
        if (this.closed) return;
      }
      this.told.classList.remove("counting");
      const parts = [], kind = KINDS.find((name) => MediaRecorder.isTypeSupported(name));
      const recorder = new MediaRecorder(this.stream, { mimeType: kind });
      const before = this.delivered(), began = performance.now();
      const ended = new Promise((done) => { recorder.onstop = done; });
      recorder.ondataavailable = (event) => parts.push(event.data);
      recorder.start(1000);
      this.bar.hidden = false;
      this.stop.textContent = this.say("camera_end");
      this.stop.onclick = () => { if (recorder.state === "recording") recorder.stop(); };
      this.stop.focus();
      const tick = setInterval(() => {
        const passed = (performance.now() - began) / 1000;
        this.bar.value = passed;
        this.told.textContent = this.say("camera_left", { left: Math.max(0, Math.ceil(LIMIT_S - passed)) });
        if (passed >= LIMIT_S && recorder.state === "recording") recorder.stop();
      }, 100);
      await ended;
      clearInterval(tick);
      const passed = (performance.now() - began) / 1000, frames = this.delivered() - before;
      const promised = this.track.getSettings().frameRate || WANTED.video.frameRate;
      this.leave();
      await this.judge(new Blob(parts, { type: kind }), kind, passed, frames, promised);
    }

    /** Hands on the recording, with a word where pictures are missing; one of three pictures not at all. */
    async judge(blob, kind, passed, frames, promised) {
      const kept = Math.min(1, (await lengthOf(blob)) / passed); // of the time; a slow computer drops the rest
      const got = Math.round(frames * kept), wanted = Math.round(promised * passed);
      const values = { got, wanted, seconds: passed.toFixed(0) };
      if (got < FEWEST) this.tell(this.say("camera_few", values));
      else {
        const file = new File([blob], `camera.${kind.includes("mp4") ? "mp4" : "webm"}`, { type: kind });
        this.take(file, got < ENOUGH * wanted ? this.say("camera_lost", values) : "");
      }
    }

    leave() {
      if (this.closed) return;
      this.closed = true;
      for (const track of this.stream.getTracks()) track.stop();
      this.box.replaceChildren();
      this.onClose();
    }
  }

  window.openCamera = (box, on) => { const camera = new Camera(box, on); camera.open(); return camera; };
})();
