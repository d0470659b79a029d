// Every code this package can raise, and what it means to the reader.

export const ociErrors: Readonly<Record<string, string>> = {
  OCI_PATH_INVALID:
    'A path of a layer is empty, leaves the root by "..", or carries a character that no file name can have. Correct the entry.',
  OCI_PATH_DUPLICATE:
    'A layer was given two entries for one path, or an entry below a path that is no directory. Leave one of them out.',
  OCI_ENTRY_INVALID:
    'A file mode, owner or time of a layer entry is outside what an archive can carry. Correct the entry.',
  OCI_FILE_UNREADABLE:
    'A file that belongs into a layer cannot be read. Check that it is there and readable.',
  OCI_FILE_CHANGED:
    'A file changed its size while it was put into a layer, so the layer was given up. Build again when nobody writes to it.',
  OCI_NAME_INVALID:
    'An image name is not a full name with a tag, such as registry.example/team/name:1.0. Correct the name.',
  OCI_LAYOUT_EXISTS:
    'The directory for an image layout is there already; layouts are written whole and never changed. Choose another directory, or remove it.',
  OCI_LAYOUT_UNREADABLE:
    'A directory is not an OCI image layout of version 1.0.0, or an index, manifest or configuration in it is missing or no valid document.',
  OCI_BLOB_DAMAGED:
    'A blob of a layout does not have the size or the digest that it is known by. Fetch or build the image again.',
};
