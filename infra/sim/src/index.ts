// The public surface of sim; for tests only.

export * from './clock.ts';
export * from './crash.ts';
export * from './faults.ts';
export * from './happenings.ts';
export * from './partitions.ts';
export * from './scripted-transport.ts';
export * from './simulate.ts';
