const views = new WeakMap<Uint8Array, DataView>();

/** The bytes as numbers of several bytes, big-endian as in all packets. Made once for each array: the hot loops ask for it again and again. */
export function viewOf(bytes: Uint8Array): DataView {
  let view = views.get(bytes);
  if (!view) {
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    views.set(bytes, view);
  }
  return view;
}
