// What the scripts of the page share: an element is made, a sentence filled, a number written.
(() => {
  const make = (tag, kind, parent, more = {}) => {
    const element = Object.assign(document.createElement(tag), { className: kind }, more);
    parent.append(element);
    return element;
  };

  const fill = (text, values) =>
    Object.entries(values).reduce((made, [name, value]) => made.replace(`{${name}}`, value), text);

  /** A number with the decimal sign of the page's language. */
  const fixed = (value, digits) => value.toLocaleString(document.documentElement.lang || "en", {
    minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });

  window.emo = { make, fill, fixed };
})();
