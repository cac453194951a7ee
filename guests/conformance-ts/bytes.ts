// Helpers of the conformance guest, in a file of their own: `wasmflow build` bundles them.

export type Bytes = Uint8Array | null;

const [a, z, distance] = [97, 122, 32];

/** Makes a-z A-Z, and leaves all other bytes. */
export function upper(bytes: Uint8Array): Uint8Array {
  return bytes.map((b) => (b >= a && b <= z ? b - distance : b));
}

export function join(...parts: Bytes[]): Uint8Array {
  const present = parts.filter((part) => part !== null);
  const joined = new Uint8Array(present.reduce((n, part) => n + part.length, 0));
  present.reduce((at, part) => (joined.set(part, at), at + part.length), 0);
  return joined;
}

/** Makes of null empty and of empty null. */
export function otherNothing(bytes: Bytes): Bytes {
  if (bytes === null) return new Uint8Array(0);
  return bytes.length === 0 ? null : bytes;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
