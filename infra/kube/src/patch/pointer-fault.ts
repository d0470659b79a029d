// Why a JSON pointer does not fit a document.

/** A step of a pointer that leads nowhere; the message is meant for the author of the patch. */
export class PointerFault extends Error {
  override name = 'PointerFault';
}
