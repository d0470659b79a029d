// The custom resource that commands work with: each defines it in a group of its own.
package main

import (
	"context"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
)

func widgetResource(group string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: "widgets"}
}

func widget(group, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": group + "/v1",
		"kind":       "Widget",
		"metadata":   map[string]any{"name": name},
		"spec":       spec,
	}}
}

// defineWidgets makes the definition and waits until it is established and its kind is served.
func (s *session) defineWidgets(ctx context.Context, group string) error {
	definitions := s.extensions.ApiextensionsV1().CustomResourceDefinitions()
	wanted := widgetDefinition(group)
	if _, err := definitions.Create(ctx, wanted, metav1.CreateOptions{}); err != nil {
		return err
	}
	err := eventually(ctx, "the definition is established", func(ctx context.Context) (bool, error) {
		found, err := definitions.Get(ctx, wanted.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, condition := range found.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return eventually(ctx, "the kind is served", func(ctx context.Context) (bool, error) {
		_, err := s.dynamic.Resource(widgetResource(group)).List(ctx, metav1.ListOptions{Limit: 1})
		return err == nil, ignoreNotFound(err)
	})
}

func (s *session) forgetWidgets(ctx context.Context, group string) error {
	definitions := s.extensions.ApiextensionsV1().CustomResourceDefinitions()
	name := "widgets." + group
	if err := definitions.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return eventually(ctx, "the definition is gone", func(ctx context.Context) (bool, error) {
		_, err := definitions.Get(ctx, name, metav1.GetOptions{})
		return err != nil, ignoreNotFound(err)
	})
}

func widgetDefinition(group string) *apiextensionsv1.CustomResourceDefinition {
	type props = apiextensionsv1.JSONSchemaProps
	text, number := props{Type: "string"}, props{Type: "integer", Format: "int32"}
	size := number
	size.Minimum = ptr.To(0.0)
	colour := text
	colour.Default = &apiextensionsv1.JSON{Raw: []byte(`"grey"`)}
	part := props{
		Type: "object", Required: []string{"name"},
		Properties: map[string]props{"name": text, "count": number},
	}
	condition := props{
		Type: "object", Required: []string{"type", "status"},
		Properties: map[string]props{
			"type": text, "status": text, "reason": text, "message": text,
			"observedGeneration": {Type: "integer", Format: "int64"},
			"lastTransitionTime": {Type: "string", Format: "date-time"},
		},
	}
	spec := props{
		Type: "object",
		Properties: map[string]props{
			"size": size, "colour": colour,
			"parts": {
				Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &part},
				XListType: ptr.To("map"), XListMapKeys: []string{"name"},
			},
			"tags": {
				Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &text}, XListType: ptr.To("set"),
			},
			"steps": {Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &text}},
		},
		XValidations: apiextensionsv1.ValidationRules{{
			Rule: "!has(self.size) || self.size <= 100", Message: "a widget is not larger than 100",
		}},
	}
	status := props{
		Type: "object",
		Properties: map[string]props{
			"phase": text, "replicas": number, "selector": text, "observedGeneration": {Type: "integer", Format: "int64"},
			"conditions": {
				Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &condition},
				XListType: ptr.To("map"), XListMapKeys: []string{"type"},
			},
		},
	}
	root := props{Type: "object", Properties: map[string]props{"spec": spec, "status": status}}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "widgets." + group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: group,
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Plural: "widgets", Singular: "widget", Kind: "Widget", ListKind: "WidgetList",
				ShortNames: []string{"wdg"}, Categories: []string{"all"},
			},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &root},
				Subresources: &apiextensionsv1.CustomResourceSubresources{
					Status: &apiextensionsv1.CustomResourceSubresourceStatus{},
					Scale: &apiextensionsv1.CustomResourceSubresourceScale{
						SpecReplicasPath: ".spec.size", StatusReplicasPath: ".status.replicas",
						LabelSelectorPath: ptr.To(".status.selector"),
					},
				},
				AdditionalPrinterColumns: []apiextensionsv1.CustomResourceColumnDefinition{
					{Name: "Size", Type: "integer", JSONPath: ".spec.size"},
					{Name: "Phase", Type: "string", JSONPath: ".status.phase", Priority: 1},
				},
				SelectableFields: []apiextensionsv1.SelectableField{{JSONPath: ".spec.colour"}},
			}},
		},
	}
}
