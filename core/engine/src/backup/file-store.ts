// Where the files of one backup are: a folder with names in it, whatever keeps it.

export interface FileStore {
  /** For messages: `/backups/default/shop-1`. */
  readonly name: string;
  /** Under this name there is the whole of it or nothing. */
  readonly write: (
    name: string,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ) => Promise<void>;
  /** Throws ENGINE_BACKUP_FILE_MISSING once it is read, when there is none. */
  readonly read: (name: string, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** Undefined when there is none. */
  readonly readText: (name: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Removes the manifest first, then all else that backups write there. */
  readonly clear: (signal: AbortSignal) => Promise<void>;
}
