// Draws every [data-chart] from the ECharts option in its data-option (htmx takes scripts out of fragments, also JSON).
// Colour names in the data ("primary", "green", …) are looked up in the theme; a change of theme draws again.
(() => {
  "use strict";
  const NAMES = ["primary", "secondary", "blue", "azure", "indigo", "purple", "pink", "red", "orange", "yellow", "lime", "green", "teal", "cyan"];
  const PALETTE = ["primary", "teal", "orange", "purple", "yellow", "pink", "cyan", "lime"];
  const COLOUR_KEYS = new Set(["color", "borderColor", "backgroundColor", "shadowColor"]);

  // The theme's variables may be mixtures of others, which a canvas of ECharts does not read: let a pixel tell.
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const probe = document.createElement("span");
  const value = (name) => {
    probe.style.color = `var(--tblr-${name})`;
    document.body.append(probe);
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = getComputedStyle(probe).color;
    probe.remove();
    pixel.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
    return `rgba(${red},${green},${blue},${(alpha / 255).toFixed(3)})`;
  };

  const draw = (element) => {
    const colour = (name) => (NAMES.includes(name) ? value(name) : name);
    const named = (node, key) => {
      if (Array.isArray(node)) return node.map((one) => named(one, key));
      if (node && typeof node === "object") return Object.fromEntries(Object.entries(node).map(([k, v]) => [k, named(v, k)]));
      return typeof node === "string" && COLOUR_KEYS.has(key) ? colour(node) : node;
    };
    const text = value("body-color"), soft = value("secondary"), line = value("border-color"), surface = value("bg-surface");
    const axis = (own) => (Array.isArray(own) ? own.map(axis) : own && {
      ...own,
      axisLabel: { color: soft, ...own.axisLabel },
      axisLine: { lineStyle: { color: line }, ...own.axisLine },
      axisTick: { show: false, ...own.axisTick },
      splitLine: { lineStyle: { color: line }, ...own.splitLine },
    });
    const option = named(JSON.parse(element.dataset.option));
    echarts.getInstanceByDom(element)?.dispose();
    // A canvas, and tooltips as rich text: nothing that would need inline styles.
    const chart = echarts.init(element, null, { renderer: "canvas" });
    chart.setOption({
      color: PALETTE.map(value),
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
      animationDuration: 300,
      grid: { left: 8, right: 16, top: 32, bottom: 8, containLabel: true },
      aria: { enabled: true },
      ...option,
      legend: option.legend && { textStyle: { color: soft }, top: 0, itemWidth: 14, itemHeight: 8, ...option.legend },
      tooltip: { renderMode: "richText", confine: true, backgroundColor: surface, borderColor: line, textStyle: { color: text }, ...option.tooltip },
      xAxis: axis(option.xAxis),
      yAxis: axis(option.yAxis),
    });
    if (element.dataset.chartLinks !== undefined) {
      chart.on("click", (event) => event.data?.url && location.assign(event.data.url));
    }
  };
  const all = () => document.querySelectorAll("[data-chart]").forEach(draw);
  all();
  new MutationObserver(all).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => echarts.getInstanceByDom(target)?.resize()));
  document.querySelectorAll("[data-chart]").forEach((element) => resized.observe(element));
  document.addEventListener("htmx:load", (event) => event.target.querySelectorAll?.("[data-chart]").forEach((element) => {
    draw(element);
    resized.observe(element);
  }));
})();
