// The console's behaviour: keyboard, selection, dialogs, toasts. No dependencies; everything is found by data-* attributes.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // --- Toasts ---------------------------------------------------------------------------------------------
  const toast = (text, level) => {
    const notice = $("#toast-template").content.firstElementChild.cloneNode(true);
    notice.classList.add(`notice-${level}`);
    notice.firstElementChild.textContent = text;
    $("#toasts").append(notice);
    fade(notice);
  };
  // Errors stay until they are closed: they have to be read.
  const fade = (notice) => {
    if (!/notice-(danger|error|warning)/.test(notice.className)) setTimeout(() => notice.remove(), 6000);
  };
  document.addEventListener("toast", (event) => event.detail.items.forEach(({ text, level }) => toast(text, level)));
  const unreachable = () => toast($("#failure-text").content.textContent, "danger");
  document.addEventListener("htmx:sendError", unreachable);
  document.addEventListener("htmx:responseError", (event) => {
    if (!event.detail.xhr.getResponseHeader("HX-Trigger")) unreachable();
  });

  // --- Dialogs ---------------------------------------------------------------------------------------------
  const open = (dialog) => {
    if (!dialog || dialog.open) return;
    dialog.showModal();
    check(dialog);
  };
  // The number that has to be typed; separators and spaces are forgiven.
  const check = (root) => {
    for (const input of $$("[data-must-be]", root)) {
      const button = $("button:not([type=button])", input.form);
      button.disabled = input.value.replace(/[\s,，.]/g, "") !== input.dataset.mustBe;
    }
  };

  // --- Selection -------------------------------------------------------------------------------------------
  const picks = () => $$("[data-pick]");
  const everything = () => $("[data-bulk-all]")?.value === "1";
  const select = (all = false) => {
    const bar = $("[data-bulk]");
    if (!bar) return;
    const boxes = picks();
    const chosen = boxes.filter((box) => box.checked);
    $("[data-bulk-all]", bar).value = all ? "1" : "";
    const count = all ? Number(bar.dataset.count) : chosen.length;
    $("[data-bulk-count]", bar).value = count;
    $("[data-bulk-number]", bar).textContent = count.toLocaleString("en-US");
    bar.hidden = chosen.length === 0;
    $("[data-bulk-page]", bar).hidden = chosen.length === boxes.length;
    $("[data-bulk-everything]", bar).hidden =
      all || chosen.length < boxes.length || Number(bar.dataset.count) <= boxes.length;
    for (const box of boxes) box.closest("tr")?.classList.toggle("is-picked", box.checked);
    const head = $("[data-pick-all]");
    if (head) {
      head.checked = boxes.length > 0 && chosen.length === boxes.length;
      head.indeterminate = chosen.length > 0 && !head.checked;
    }
  };
  const pickAll = (checked) => {
    for (const box of picks()) box.checked = checked;
    select();
  };
  let lastPick = null; // shift-click takes everything in between

  // --- Rows by keyboard ------------------------------------------------------------------------------------
  const rows = () => $$("[data-rows] tbody tr");
  const current = () => rows().findIndex((row) => row.classList.contains("is-current"));
  const moveTo = (index) => {
    const all = rows();
    if (!all.length) return;
    const next = Math.max(0, Math.min(all.length - 1, index));
    all.forEach((row, i) => row.classList.toggle("is-current", i === next));
    all[next].scrollIntoView({ block: "nearest" });
    $("a[href]", all[next])?.focus({ preventScroll: true });
  };

  // --- The search box: what is found stands below it, and arrows go through it ------------------------------
  const foundFor = (input) => $(".found", input.closest(".search"));
  const showFound = (input, shown) => {
    const found = foundFor(input);
    found.hidden = !shown || !found.textContent.trim();
    input.setAttribute("aria-expanded", String(!found.hidden));
  };
  const stepFound = (input, step) => {
    const options = $$("[role=option]", foundFor(input));
    if (!options.length) return;
    const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    const next = at + step < -1 ? options.length - 1 : (at + step) % options.length;
    options.forEach((option, i) => {
      option.id ||= `found-${Date.now()}-${i}`;
      option.setAttribute("aria-selected", String(i === next));
    });
    input.setAttribute("aria-activedescendant", next < 0 ? "" : options[next].id);
    options[next]?.scrollIntoView({ block: "nearest" });
  };
  const searchKey = (event, input) => {
    const chosen = $("[aria-selected=true]", foundFor(input));
    if (event.key === "ArrowDown" || event.key === "ArrowUp") stepFound(input, event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter" && chosen && !event.isComposing) chosen.click();
    else return;
    event.preventDefault();
  };
  document.addEventListener("htmx:afterSwap", (event) => {
    const input = $("input[role=combobox]", event.target.closest(".search") ?? document.createElement("i"));
    if (input) showFound(input, input === document.activeElement);
  });
  document.addEventListener("focusin", (event) => {
    for (const input of $$(".search input[role=combobox]")) showFound(input, input.closest(".search").contains(event.target));
  });

  // Where there is no room for the box above, it stands in the menu.
  const seek = () => {
    const leaving = $(".offcanvas-lg.hiding");
    if (leaving) return leaving.addEventListener("hidden.bs.offcanvas", seek, { once: true });
    const box = $$(".search input[role=combobox]").find((input) => input.checkVisibility({ checkVisibilityCSS: true }));
    if (box) box.focus();
    else $("[data-seek]")?.click();
  };
  document.addEventListener("shown.bs.offcanvas", (event) => {
    if (event.relatedTarget?.matches("[data-seek]")) $(".search input", event.target)?.focus();
  });

  const writing = (target) => target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const keys = {
    "/": seek,
    "?": () => open($("#help")),
    j: () => moveTo(current() + 1),
    k: () => moveTo(current() < 0 ? 0 : current() - 1),
    x: () => {
      const box = $("[data-pick]", rows()[current()] ?? document.createElement("i"));
      if (box) { box.checked = !box.checked; select(); }
    },
    e: () => {
      const bar = $("[data-bulk]");
      if (bar && !bar.hidden) $("[data-key=e]:not(:disabled)", bar)?.click();
    },
    Enter: (event) => {
      if (event.target !== document.body) return false;
      $("a[href]", rows()[current()] ?? document.createElement("i"))?.click();
    },
  };
  document.addEventListener("keydown", (event) => {
    if (event.target.matches?.(".search input[role=combobox]")) searchKey(event, event.target);
    if (event.key === "Escape") {
      if (event.target.matches?.(".search input[role=combobox]")) { showFound(event.target, false); event.target.blur(); }
      else if (!$("dialog[open]") && picks().some((box) => box.checked)) pickAll(false);
      return;
    }
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return seek();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || writing(event.target) || $("dialog[open]")) return;
    if (keys[event.key] && keys[event.key](event) !== false) event.preventDefault();
  });

  // --- One listener for clicks -----------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const target = event.target;
    const opener = target.closest("[data-dialog]");
    if (opener) return open($(opener.dataset.dialog));
    if (target.closest("[data-dialog-close]") || target.matches("dialog.dialog")) return target.closest("dialog").close();
    if (target.closest("[data-dismiss]")) return target.closest(".notice").remove();
    if (!target.closest(".search")) for (const input of $$(".search input[role=combobox]")) showFound(input, false);
    if (target.closest("[data-bulk-everything]")) return select(true);
    if (target.closest("[data-bulk-page]")) return pickAll(true);
    if (target.closest("[data-bulk-none]")) return pickAll(false);
    const copied = target.closest("[data-copy]");
    if (copied) {
      const source = $(copied.dataset.copy);
      const done = () => toast($("#copied-text").content.textContent, "success");
      source.select?.(); // without TLS there is no clipboard: then what is selected is copied, or can be by hand
      if (navigator.clipboard) navigator.clipboard.writeText(source.value ?? source.textContent.trim()).then(done);
      else if (document.execCommand("copy")) done();
      return;
    }
    const box = target.closest("[data-pick]");
    if (box) {
      const all = picks();
      if (event.shiftKey && lastPick && all.includes(lastPick)) {
        const [from, to] = [all.indexOf(lastPick), all.indexOf(box)].sort((a, b) => a - b);
        for (const one of all.slice(from, to + 1)) one.checked = box.checked;
      }
      lastPick = box;
      select();
      return;
    }
    // A click anywhere in a row opens it, unless it meant something else there.
    const row = target.closest("tr[data-href]");
    if (row && !target.closest("a, button, input, label, summary, td.no-open") && !getSelection().toString()) {
      if (event.ctrlKey || event.metaKey) window.open(row.dataset.href, "_blank", "noopener");
      else location.assign(row.dataset.href);
    }
  });
  // In a list of several, a click puts one in or takes it out, without a key held down.
  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest("select[multiple] option");
    if (!option || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const list = option.closest("select");
    const top = list.scrollTop;
    option.selected = !option.selected;
    list.focus();
    list.scrollTop = top;
    list.dispatchEvent(new Event("change", { bubbles: true }));
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-all]")) pickAll(event.target.checked);
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-must-be]")) check(event.target.form);
    if (event.target.matches("[data-row-filter]")) {
      const wanted = event.target.value.trim().toLowerCase();
      for (const row of $$(`${event.target.dataset.rowFilter} tbody tr`)) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  });
  // A form is sent once, however often its button is clicked; a download may be asked for again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("data-again")) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    event.submitter?.classList.add("btn-loading");
  });
  window.addEventListener("pageshow", () => {
    for (const form of $$("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of $$(".btn-loading", form)) button.classList.remove("btn-loading");
    }
    select(everything());
    check(document);
  });

  // --- What is folded stays folded -------------------------------------------------------------------------
  for (const details of $$("details[data-remember]")) {
    const key = `open:${details.dataset.remember}`;
    const kept = localStorage.getItem(key);
    if (kept !== null && !$(".active, .is-invalid", details)) details.open = kept === "1";
    details.addEventListener("toggle", () => localStorage.setItem(key, details.open ? "1" : "0"));
  }

  for (const notice of $$("#toasts .notice")) fade(notice);
  document.addEventListener("htmx:afterSettle", () => select(everything()));
  const wrong = $("[autofocus].is-invalid");
  wrong?.closest("dialog") ? open(wrong.closest("dialog")) : wrong?.focus();
})();
