// Whether an upload is kept: only a version that was uploaded the same often enough.

/** What is known of a key. */
export interface KnownKey {
  /** `pending`: uploads were alike so far. `stable`: stored. `unstable`: two differed, nothing is stored. */
  readonly state: 'pending' | 'stable' | 'unstable';
  /** 20 bytes of the digest of the version: of the first one for a key that is unstable. */
  readonly version: Buffer;
  /** Uploads of the version that counted, 255 at most. */
  readonly count: number;
  /** Stands for who uploaded last. */
  readonly client: number;
  /** When it was last uploaded, in seconds since 1970. */
  readonly lastSeconds: number;
}

export interface ReliabilityRules {
  /** Uploads that have to be alike before one is stored, 0 to 255; 0 is as 1: the first is stored, and not replaced. */
  readonly threshold: number;
  /** Whether a second upload in a row from the same address counts. */
  readonly clients: 'any' | 'distinct';
  /** Whether files that differ only in the version of the editor in their head are alike. */
  readonly editorVersion: 'counts' | 'ignored';
  /** After so long without an upload what is known of a key that is not stored is forgotten; 0: never. */
  readonly forgetAfterSeconds: number;
}

export const defaultReliabilityRules: ReliabilityRules = {
  threshold: 2,
  clients: 'any',
  editorVersion: 'counts',
  forgetAfterSeconds: 30 * 86_400,
};

/** An upload that is about to end. */
export interface UploadFacts {
  readonly version: Buffer;
  /** A bit for each file, as in a commit record. */
  readonly types: number;
  readonly client: number;
  readonly nowSeconds: number;
  /** Files that are stored under the key. */
  readonly presentTypes: number;
}

export interface Decision {
  /** Why an upload is not kept: too few were alike; the key is there; versions differ. */
  readonly verdict: 'keep' | 'unconfirmed' | 'settled' | 'unstable';
  /** What is known from now on; with `keep` once it is stored. */
  readonly known: KnownKey | undefined;
  /** Whether it differs from what was known; of an unstable key nothing does any more. */
  readonly differs: boolean;
}

/** Decides from what is known and what is there. What is there is never replaced; what was cleaned is free again. */
export function decide(
  before: KnownKey | undefined,
  upload: UploadFacts,
  rules: ReliabilityRules,
): Decision {
  const known = isOver(before, upload, rules) ? undefined : before;
  return upload.presentTypes === 0 ? count(known, upload, rules) : guard(known, upload);
}

function isOver(
  known: KnownKey | undefined,
  { nowSeconds, presentTypes }: UploadFacts,
  { forgetAfterSeconds }: ReliabilityRules,
): boolean {
  if (known === undefined) return true;
  if (known.state === 'stable') return presentTypes === 0;
  return forgetAfterSeconds > 0 && nowSeconds - known.lastSeconds > forgetAfterSeconds;
}

/** A key that is not there. */
function count(
  known: KnownKey | undefined,
  { version, client, nowSeconds: lastSeconds }: UploadFacts,
  { threshold, clients }: ReliabilityRules,
): Decision {
  if (known?.state === 'unstable') {
    return { verdict: 'unstable', known: { ...known, client, lastSeconds }, differs: false };
  }
  if (known !== undefined && !known.version.equals(version)) {
    const next = { ...known, state: 'unstable', client, lastSeconds } as const;
    return { verdict: 'unstable', known: next, differs: true };
  }
  const counts = known === undefined || clients === 'any' || known.client !== client;
  const alike = Math.min((known?.count ?? 0) + (counts ? 1 : 0), 255);
  const verdict = alike >= threshold ? 'keep' : 'unconfirmed';
  const state = verdict === 'keep' ? 'stable' : 'pending';
  return { verdict, known: { state, version, count: alike, client, lastSeconds }, differs: false };
}

/** A key that is there: only a file that got lost is brought back. */
function guard(
  known: KnownKey | undefined,
  { version, types, presentTypes, client, nowSeconds: lastSeconds }: UploadFacts,
): Decision {
  if (known === undefined) return { verdict: 'settled', known, differs: false };
  const same = known.version.equals(version);
  if (known.state === 'unstable' || !same) {
    const differs = !same && known.state !== 'unstable';
    return { verdict: 'unstable', known: { ...known, lastSeconds }, differs };
  }
  const lost = known.state === 'stable' && (types & ~presentTypes) !== 0;
  const next = { ...known, state: 'stable', client, lastSeconds } as const;
  return { verdict: lost ? 'keep' : 'settled', known: next, differs: false };
}
