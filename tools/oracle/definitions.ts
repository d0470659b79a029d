// CustomResourceDefinitions around generated schemas.

/** A definition of the kind `Widget` with these schemas by version; the first version is stored. */
export function definitionFor(schemas: Readonly<Record<string, unknown>>): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: Object.entries(schemas).map(([name, openAPIV3Schema], index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema },
      })),
    },
  };
}
