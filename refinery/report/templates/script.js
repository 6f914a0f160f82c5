"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Local storage may be unavailable to a page on disk; then the choice applies to this page only.
  const remember = (value) => { try { localStorage.setItem("theme", value); } catch { return; } };
  const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  if (remembered()) root.dataset.theme = remembered();
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    remember(root.dataset.theme);
  });

  const menu = document.getElementById("menu");
  const wide = matchMedia("(min-width: 58.01rem)");
  const fit = () => { menu.open = wide.matches; };
  fit();
  wide.addEventListener("change", fit);

  all("[data-set-unit]").forEach((button) => button.addEventListener("click", () => {
    document.body.dataset.unit = button.dataset.setUnit;
    all("[data-set-unit]").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
  }));

  // Labels for screen readers also become tooltips.
  all("figure svg [aria-label]").forEach((mark) => {
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = mark.getAttribute("aria-label");
    mark.append(title);
  });

  // A reload must not cancel the navigation to a page that loads slowly.
  if (document.getElementById("live")) {
    const renewal = setTimeout(() => location.reload(), 5000);
    addEventListener("beforeunload", () => clearTimeout(renewal));
  }

  const controls = all(".control");
  if (controls.length) {
    const changes = document.getElementById("changes");
    const parts = (one) => [one.querySelector("[type=range]"), one.querySelector("[type=number]"), one.querySelector("[data-reset]")];
    const changed = (one) => one.querySelector("[type=number]").value !== "" && Number(one.querySelector("[type=number]").value) !== Number(one.dataset.now);
    const list = () => {
      changes.replaceChildren(...controls.filter(changed).map((one) => {
        const [item, key] = [document.createElement("li"), document.createElement("code")];
        key.textContent = one.dataset.key;
        item.append(key, ` ${one.dataset.now} → ${one.querySelector("[type=number]").value}`);
        return item;
      }));
      document.getElementById("unchanged").hidden = changes.children.length > 0;
    };
    controls.forEach((one) => {
      const [slider, number, reset] = parts(one);
      const moved = () => { one.classList.toggle("changed", changed(one)); reset.hidden = !changed(one); list(); };
      slider.addEventListener("input", () => { number.value = slider.value; moved(); });
      number.addEventListener("input", () => { slider.value = number.value; moved(); });
      reset.addEventListener("click", () => { number.value = slider.value = one.dataset.now; moved(); number.focus(); });
    });
    // Only changed thresholds are requested, so that the address names them.
    document.getElementById("thresholds").addEventListener("formdata", (event) => {
      controls.filter((one) => !changed(one)).forEach((one) => event.formData.delete(one.dataset.key));
    });
  }

  const documents = all(".document");
  const reason = document.getElementById("reason");
  const words = document.getElementById("words");
  if (reason && words) {
    const count = document.getElementById("count");
    const choose = () => {
      const text = words.value.toLowerCase();
      let shown = 0;
      for (const one of documents) {
        const fits = (!reason.value || one.dataset.reason === reason.value) && one.textContent.toLowerCase().includes(text);
        one.hidden = !fits;
        shown += fits;
      }
      count.value = `${shown} of ${documents.length} document${documents.length === 1 ? "" : "s"}`;
    };
    reason.addEventListener("change", choose);
    words.addEventListener("input", choose);
    document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
    if (typing && event.key === "Escape") event.target.blur();
    if (typing || !documents.length) return;
    if (event.key === "/" && words) { event.preventDefault(); words.focus(); }
    if (event.key !== "j" && event.key !== "k") return;
    const shown = documents.filter((one) => !one.hidden);
    const at = shown.indexOf(document.activeElement);
    const next = event.key === "j" ? Math.min(at + 1, shown.length - 1) : Math.max(at - 1, 0);
    if (shown[next]) { shown[next].focus(); shown[next].scrollIntoView({ block: "nearest" }); }
  });
})();
