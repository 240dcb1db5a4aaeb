// The view of the page as a link: text, models and tab stand in the fragment (#…), which browsers send to no server.
const view = {
  // a link that is much longer does not survive being pasted into other programs
  maxText: 2000,
  // read at once: what the page writes while it is being built must not replace it
  asked: new URLSearchParams(location.hash.slice(1)),
  state: null,

  // what the link asks for; models that are not there are left out
  read(byDefault, there) {
    const asked = this.asked;
    const models = asked.getAll("model").filter((name) => there.includes(name));
    const tabs = ["side", "why", "many", "about"];
    this.state = {
      text: asked.get("text") ?? "",
      models: models.length ? models : byDefault,
      tab: tabs.includes(asked.get("tab")) ? asked.get("tab") : "side",
    };
    document.body.dataset.tab = this.state.tab;
    // a text may be Arabic or Hebrew
    document.querySelector("#text textarea").dir = "auto";
    return [this.state.text, this.state.models, { __type__: "update", selected: this.state.tab }];
  },

  write(text, models) {
    if (!this.state) return;
    Object.assign(this.state, { text, models });
    this.save();
  },

  tab(tab) {
    if (!this.state) return;
    this.state.tab = tab;
    document.body.dataset.tab = tab;
    this.save();
  },

  save() {
    const { text, models, tab } = this.state;
    const asked = new URLSearchParams();
    if (text) asked.set("text", text.slice(0, this.maxText));
    models.forEach((name) => asked.append("model", name));
    asked.set("tab", tab);
    history.replaceState(history.state, "", "#" + asked);
  },

  async copy() {
    this.save();
    const button = document.querySelector("#link");
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {
      // a page without https, or in a frame, may not write to the clipboard by itself
      const box = document.body.appendChild(document.createElement("textarea"));
      box.value = location.href;
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    button.classList.add("copied");
    // the whole text is not in the link: the visitor is told
    const cut = this.state.text.length > this.maxText;
    document.querySelector("#link-cut").classList.toggle("shown", cut);
    setTimeout(() => button.classList.remove("copied"), 2000);
  },
};

// another link opened in this tab changes the fragment alone; what the page itself writes there does not come here
addEventListener("hashchange", () => location.reload());

// Ctrl+Enter is what Gradio knows as Shift+Enter
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const enter = { key: "Enter", code: "Enter", shiftKey: true, bubbles: true, cancelable: true };
  document.querySelector("#text textarea")?.dispatchEvent(new KeyboardEvent("keypress", enter));
});
