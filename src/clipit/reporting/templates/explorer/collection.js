/** The pairings of a data set with a corpus by a retriever. Images, reports and methods are numbers. */
class Collection {
  static async open(contents, c) {
    const known = contents.collections[c];
    const blocks = [`images-${known.dataset}`, `reports-${known.corpus}`, `pairs-${c}`];
    return new Collection(contents, c, ...(await Promise.all(blocks.map(unpack))));
  }

  constructor(contents, c, images, reports, pairs) {
    const known = contents.collections[c];
    Object.assign(this, { images, reports, pairs, ranks: contents.ranks, splits: contents.splits });
    Object.assign(this, { dataset: contents.datasets[known.dataset], methods: known.methods });
    this.datasetNumber = known.dataset;
    this.size = images.patch_id.length;
    this.hasText = "text" in reports;
  }

  name(image) {
    return this.images.patch_id[image];
  }

  className(image) {
    return this.dataset.classes[this.images.class[image]];
  }

  split(image) {
    return this.splits[this.images.split[image]];
  }

  /** The report of a rank and by what it was met; null where there are fewer. */
  pair(method, image, rank) {
    const columns = this.pairs.methods[method];
    const at = image * this.ranks + rank;
    const passage = columns.passage[at];
    if (passage === null || passage === undefined) return null;
    const { similarity, score, weight } = columns;
    const report = this.pairs.passages.report[passage];
    return { report, passage, rank, similarity: similarity[at], score: score[at], weight: weight[at] };
  }

  /** The reports of an image, best first. */
  pairsOf(method, image) {
    const ranks = Array.from({ length: this.ranks }, (_, rank) => this.pair(method, image, rank));
    return ranks.filter((pair) => pair !== null);
  }

  /** How many reports a method ranks among the first for any image. */
  reportsBy(method) {
    const { passage } = this.pairs.methods[method];
    return new Set(passage.filter((each) => each !== null).map((each) => this.pairs.passages.report[each])).size;
  }

  section(passage) {
    return this.pairs.sections[this.pairs.passages.section[passage]];
  }

  /** First character of a passage in its report's text, and the one after its last. */
  place(passage) {
    const { start, stop } = this.pairs.passages;
    return [start[passage], stop[passage]];
  }

  reportName(report) {
    return this.hasText ? this.reports.report_id[report] : `report ${count(report + 1)}`;
  }

  text(report) {
    return this.reports.text[report];
  }

  /** Which reports hold what is searched for, in their name or their text, on one line or two: an array of booleans. */
  reportsWith(query) {
    const folded = (text) => text.toLowerCase().replace(/\s+/g, " ");
    this.lowered ??= Array.from(
      { length: this.reports.n },
      (_, report) => `${this.reportName(report).toLowerCase()}\n${this.hasText ? folded(this.text(report)) : ""}`,
    );
    const wanted = folded(query);
    return this.lowered.map((text) => text.includes(wanted));
  }

  /** The least and the greatest similarity of an image to its first report. */
  range(method) {
    const { similarity } = this.pairs.methods[method];
    let [low, high] = [Infinity, -Infinity];
    for (let at = 0; at < similarity.length; at += this.ranks) {
      low = Math.min(low, similarity[at]);
      high = Math.max(high, similarity[at]);
    }
    return [low, high];
  }
}
