/** What the form asks for: numbers of class and split or null, bounds of the similarity or null, words in small. */
function wantedBy(form) {
  const chosen = (name) => (form[name].value === "" ? null : Number(form[name].value));
  return {
    query: form.query.value.trim().toLowerCase(),
    class: chosen("class"),
    split: chosen("split"),
    low: chosen("low"),
    high: chosen("high"),
    order: form.order.value,
  };
}

/** Whether an image is of the class, split and similarity that are asked for. */
function fits(collection, method, wanted, image) {
  const { similarity } = collection.pair(method, image, 0);
  return (
    (wanted.class === null || collection.images.class[image] === wanted.class) &&
    (wanted.split === null || collection.images.split[image] === wanted.split) &&
    (wanted.low === null || similarity >= wanted.low) &&
    (wanted.high === null || similarity <= wanted.high)
  );
}

function imagesWanted(collection, method, wanted) {
  return Array.from({ length: collection.size }, (_, image) => image).filter((image) =>
    fits(collection, method, wanted, image),
  );
}

/** The images to list: what is searched for is in an image's name, or in one of its reports. */
function listedImages(collection, method, wanted) {
  let images = imagesWanted(collection, method, wanted);
  if (wanted.query) {
    const inReport = collection.reportsWith(wanted.query);
    images = images.filter(
      (image) =>
        collection.name(image).toLowerCase().includes(wanted.query) ||
        collection.pairsOf(method, image).some(({ report }) => inReport[report]),
    );
  }
  const sign = { falling: -1, rising: 1 }[wanted.order];
  if (sign) {
    const { similarity } = collection.pairs.methods[method];
    images.sort((a, b) => sign * (similarity[a * collection.ranks] - similarity[b * collection.ranks]) || a - b);
  }
  return images;
}

/**
 * The reports to list, hubs first: {report, first, later}, the pairs of those images whose first report it is, the
 * most similar first, and of those that have it among their others.
 */
function listedReports(collection, method, wanted) {
  const reports = new Map();
  for (const image of imagesWanted(collection, method, wanted)) {
    for (const pair of collection.pairsOf(method, image)) {
      if (!reports.has(pair.report)) reports.set(pair.report, { report: pair.report, first: [], later: [] });
      reports.get(pair.report)[pair.rank === 0 ? "first" : "later"].push({ image, ...pair });
    }
  }
  let listed = [...reports.values()];
  if (wanted.query) {
    const inReport = collection.reportsWith(wanted.query);
    listed = listed.filter(
      ({ report, first }) =>
        inReport[report] || first.some(({ image }) => collection.name(image).toLowerCase().includes(wanted.query)),
    );
  }
  for (const { first, later } of listed) {
    first.sort((a, b) => b.similarity - a.similarity);
    later.sort((a, b) => a.rank - b.rank || b.similarity - a.similarity);
  }
  const { uses } = collection.pairs.methods[method];
  return listed.sort(
    (a, b) =>
      b.first.length - a.first.length ||
      uses[b.report] - uses[a.report] ||
      b.later.length - a.later.length ||
      a.report - b.report,
  );
}
