// What is wrong with the page for those who cannot see it well: [[kind, …]], empty when all is well.
() => {
  const wrong = [];
  const numbers = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return colour.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = (top, ground) => top.slice(0, 3).map((v, i) => v * top[3] + ground[i] * (1 - top[3]));
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const layers = [];
    for (let e = element; e && layers.at(-1)?.[3] !== 1; e = e.parentElement) layers.push(numbers(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const contrast = (element) => {
    const below = ground(element);
    const [a, b] = [light(over(numbers(getComputedStyle(element).color), below)), light(below)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const seen = { opacityProperty: true, visibilityProperty: true };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const words = texts.currentNode.data.trim();
    if (!words || !element.checkVisibility(seen) || element.closest(".unseen, .skip, :disabled, option, [aria-hidden=true]")) continue;
    const ratio = contrast(element);
    if (ratio < 4.5) wrong.push(["contrast", ratio.toFixed(2), element.className || element.tagName, words.slice(0, 20)]);
  }
  for (const element of document.querySelectorAll("button, a[href], input, select, textarea, [role=meter], [role=group]")) {
    const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
    if (element.checkVisibility() && !label.trim()) wrong.push(["name", element.outerHTML.slice(0, 120)]);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push(["id", id]);
  return wrong;
}
