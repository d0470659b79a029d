// The public surface of store.

export * from './conflict.ts';
export { type OpenStore, type StoreCase, storeConformance } from './conformance.ts';
export * from './errors.ts';
export * from './limits.ts';
export * from './memory-store.ts';
export { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';
export * from './store.ts';
export { beginAnewAt, readStoreFile, type StoreFileFacts } from './store-file.ts';
