// The public surface of oci.

export * from './entry.ts';
export * from './errors.ts';
export * from './image.ts';
export * from './image-config.ts';
export * from './image-name.ts';
export * from './layer.ts';
export * from './layout.ts';
export * from './pack.ts';
export * from './tree.ts';
