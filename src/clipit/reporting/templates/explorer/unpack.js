/** The bytes in a block of the page, which are written there as base64. */
function bytesOf(id) {
  const text = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const unpacked = new Map();

/** The JSON value in a block of the page, which is packed by gzip; each block is unpacked once. */
function unpack(id) {
  if (!unpacked.has(id)) {
    const stream = new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
    unpacked.set(id, new Response(stream).json());
  }
  return unpacked.get(id);
}
