// What a page shows is kept by the server for a while. What it has let go of (410) is made again under the same name by
// the page's next run, which is asked for once a name; then it is fetched again, a few times, and after that told.
class Renewal {
  static PAUSES = [700, 2000, 5000];  // milliseconds before each try

  constructor(run, lost) { Object.assign(this, { run, lost, tries: new Map() }); }

  again(name, fetching) {
    const tried = this.tries.get(name) || 0;
    this.tries.set(name, tried + 1);
    if (tried >= Renewal.PAUSES.length) return this.lost();
    if (!tried) this.run(name);
    setTimeout(fetching, Renewal.PAUSES[tried]);
  }

  came(name) { this.tries.delete(name); }
}
