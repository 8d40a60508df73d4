// A log whose lines are text, never markup. The last lines stay; what the filter leaves out is hidden.
export default {
  template: `
    <div class="rt-logview">
      <div class="rt-toolbar row items-center">
        <q-input v-model="filter" outlined dense clearable type="search" label="Filter lines" class="rt-search" input-class="rt-search-input"></q-input>
        <span class="rt-soft" role="status">{{ summary }}</span>
        <q-space></q-space>
        <q-btn flat dense no-caps :icon="isPaused ? 'play_arrow' : 'pause'" :label="isPaused ? 'Resume' : 'Pause'" :aria-pressed="isPaused" @click="togglePause"></q-btn>
        <q-btn flat dense no-caps icon="wrap_text" label="Wrap" :aria-pressed="isWrapped" :color="isWrapped ? 'primary' : undefined" @click="isWrapped = !isWrapped"></q-btn>
        <q-btn flat dense no-caps icon="download" label="Download" @click="download"></q-btn>
      </div>
      <pre ref="lines" class="rt-log" :class="{'is-wrapped': isWrapped}" tabindex="0" role="log" aria-live="off" :aria-label="label" @scroll="noteScroll"></pre>
    </div>`,
  props: {label: String, fileName: String, mostLines: Number},
  data: () => ({filter: "", isPaused: false, isWrapped: true, count: 0, shown: 0, waiting: 0}),
  created() {
    this.held = [];
    this.isAtEnd = true;
  },
  computed: {
    summary() {
      const count = (number) => `${number} ${number === 1 ? "line" : "lines"}`;
      const found = this.filter ? `${this.shown} of ${count(this.count)}` : count(this.count);
      return this.waiting ? `${found}, ${this.waiting} waiting` : found;
    },
  },
  watch: {
    filter() {
      for (const line of this.$refs.lines.children) this.mark(line);
      this.countShown();
    },
  },
  methods: {
    append(lines) {
      if (this.isPaused) {
        this.held = this.held.concat(lines).slice(-this.mostLines);
        this.waiting = this.held.length;
        return;
      }
      const frame = this.$refs.lines;
      const added = document.createDocumentFragment();
      for (const text of lines) {
        const line = document.createElement("div");
        line.textContent = text + "\n";
        this.mark(line);
        added.append(line);
      }
      frame.append(added);
      while (frame.childElementCount > this.mostLines) frame.firstElementChild.remove();
      this.countShown();
      if (this.isAtEnd) frame.scrollTop = frame.scrollHeight;
    },
    replace(lines) {
      if (this.isPaused) {
        this.togglePause();
      }
      this.$refs.lines.replaceChildren();
      this.append(lines);
    },
    mark(line) {
      line.hidden = !!this.filter && !line.textContent.toLowerCase().includes(this.filter.toLowerCase());
    },
    countShown() {
      const frame = this.$refs.lines;
      this.count = frame.childElementCount;
      this.shown = this.filter ? frame.querySelectorAll(":scope > div:not([hidden])").length : this.count;
    },
    togglePause() {
      this.isPaused = !this.isPaused;
      if (this.isPaused) return;
      const held = this.held;
      this.held = [];
      this.waiting = 0;
      this.append(held);
    },
    noteScroll() {
      const frame = this.$refs.lines;
      this.isAtEnd = frame.scrollHeight - frame.scrollTop - frame.clientHeight < 30;
    },
    download() {
      const text = Array.from(this.$refs.lines.children, (line) => line.textContent).join("");
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], {type: "text/plain"}));
      link.download = this.fileName;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    },
  },
};
