// The language of the page, chosen before gradio reads navigator.language: ?lang=, else the cookie,
// else the first of the browser's that the page speaks. LANGUAGES is written by theme.py.
(() => {
  const asked = new URLSearchParams(location.search).get("lang");
  const kept = /(?:^|; )emo_lang=([a-z]+)/.exec(document.cookie)?.[1];
  const own = navigator.languages.map((name) => name.slice(0, 2).toLowerCase());
  const language = [asked, kept, ...own].find((name) => LANGUAGES.includes(name)) ?? LANGUAGES[0];
  if (language === asked) {
    document.cookie = `emo_lang=${asked}; path=/; max-age=31536000; SameSite=Lax`;
  }
  Object.defineProperty(navigator, "language", { get: () => language });
  Object.defineProperty(navigator, "languages", { get: () => [language] });
  const mark = () => {
    document.documentElement.lang = language;
    for (const link of document.querySelectorAll(".languages a")) {
      link.toggleAttribute("aria-current", link.hreflang === language);
    }
  };
  mark();
  new MutationObserver((_, seen) => {
    if (document.querySelector(".languages a")) {
      mark();
      seen.disconnect();
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".languages a");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) { // else it opens beside this page
      event.preventDefault();
      const player = document.querySelector("#player [role=group]")?.parentElement.emoPlayer;
      const shown = player?.show, address = new URL(shown?.link ?? location.href, location.href);
      if (shown && !shown.link && !window.confirm(link.dataset.ask)) return;
      address.searchParams.set("lang", link.hreflang);
      location.assign(address);
    }
  });
})();
