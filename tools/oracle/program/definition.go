package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/conversion"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder"
	generatedopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/util"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

type strategy interface {
	Validate(ctx context.Context, object runtime.Object) field.ErrorList
	ValidateUpdate(ctx context.Context, object, old runtime.Object) field.ErrorList
}

// definition is a CustomResourceDefinition made ready for use, as the server's handler does.
type definition struct {
	source     *apiextensionsv1.CustomResourceDefinition
	converter  runtime.ObjectConvertor
	types      managedfields.TypeConverter
	structural map[string]*structuralschema.Structural
	strategies map[string]strategy
}

var definitions = map[string]*definition{}

var converters = func() *conversion.CRConverterFactory {
	factory, err := conversion.NewCRConverterFactory(nil, nil)
	if err != nil {
		panic(err)
	}
	return factory
}()

// settle does to an object what decoding it from a request or from storage does.
func (d *definition) settle(object *unstructured.Unstructured) {
	structural := d.structural[object.GroupVersionKind().Version]
	pruning.Prune(object.Object, structural, true)
	defaulting.PruneNonNullableNullsWithoutDefaults(object.Object, structural)
	defaulting.Default(object.Object, structural)
	if meta, found, err := objectmeta.GetObjectMeta(object.Object, false); err == nil && found {
		if err := objectmeta.SetObjectMeta(object.Object, meta); err != nil {
			panic(err)
		}
		unstructured.RemoveNestedField(object.Object, "metadata", "creationTimestamp")
	}
}

func (d *definition) Default(object runtime.Object) {
	if each, is := object.(runtime.Unstructured); is {
		defaulting.Default(each.UnstructuredContent(), d.structural[object.GetObjectKind().GroupVersionKind().Version])
	}
}

func internalOf(crd *apiextensionsv1.CustomResourceDefinition) *apiextensions.CustomResourceDefinition {
	var internal apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, &internal, nil); err != nil {
		panic(err)
	}
	for _, version := range crd.Spec.Versions {
		if version.Storage {
			internal.Status.StoredVersions = []string{version.Name}
		}
	}
	return &internal
}

func registerDefinition(raw []byte) any {
	var asked struct {
		Id    string
		Crd   apiextensionsv1.CustomResourceDefinition
		Old   *apiextensionsv1.CustomResourceDefinition
		Check bool
	}
	if err := json.Unmarshal(raw, &asked); err != nil {
		return map[string]any{"undecodable": err.Error()}
	}
	crd := &asked.Crd
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	out := map[string]any{}
	if asked.Check {
		if asked.Old == nil {
			out["errors"] = errorsOf(crdvalidation.ValidateCustomResourceDefinition(context.Background(), internalOf(crd)))
		} else {
			apiextensionsv1.SetDefaults_CustomResourceDefinition(asked.Old)
			apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&asked.Old.Spec)
			out["errors"] = errorsOf(crdvalidation.ValidateCustomResourceDefinitionUpdate(context.Background(), internalOf(crd), internalOf(asked.Old)))
		}
	}
	if asked.Id != "" {
		ready, err := prepared(crd)
		if err != nil {
			out["error"] = err.Error()
		} else {
			definitions[asked.Id] = ready
		}
	}
	return out
}

// forgetDefinition makes room: what is made ready of a definition is large.
func forgetDefinition(raw []byte) any {
	var asked struct{ Id string }
	if err := json.Unmarshal(raw, &asked); err != nil {
		panic(err)
	}
	delete(definitions, asked.Id)
	return map[string]bool{"ok": true}
}

func prepared(crd *apiextensionsv1.CustomResourceDefinition) (*definition, error) {
	safe, _, err := converters.NewConverter(crd)
	if err != nil {
		return nil, err
	}
	out := &definition{
		source:     crd,
		converter:  safe,
		structural: map[string]*structuralschema.Structural{},
		strategies: map[string]strategy{},
	}
	for _, version := range crd.Spec.Versions {
		var internal apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &internal, nil); err != nil {
			return nil, err
		}
		structural, err := structuralschema.NewStructural(&internal)
		if err != nil {
			return nil, err
		}
		validator, _, err := validation.NewSchemaValidator(&internal)
		if err != nil {
			return nil, err
		}
		kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind}
		out.structural[version.Name] = structural
		out.strategies[version.Name] = customresource.NewStrategy(nil, false, kind, validator, nil, structural, nil, nil, nil)
	}
	return out, nil
}

// staticSchemas are those of metadata, to which every custom resource's schema refers.
var staticSchemas = sync.OnceValue(func() map[string]*spec.Schema {
	out := map[string]*spec.Schema{}
	reference := func(path string) spec.Ref {
		return spec.MustCreateRef("#/components/schemas/" + util.ToRESTFriendlyName(path))
	}
	for name, each := range generatedopenapi.GetOpenAPIDefinitions(common.ReferenceCallback(reference)) {
		if strings.Contains(name, "apis/meta/v1.") {
			held := each.Schema
			out[util.ToRESTFriendlyName(name)] = &held
		}
	}
	return out
})

// typeConverter is what server-side apply knows of the definition's schemas.
func (d *definition) typeConverter() managedfields.TypeConverter {
	if d.types != nil {
		return d.types
	}
	specs := []*spec3.OpenAPI{{
		Version:    "3.0.0",
		Info:       &spec.Info{},
		Components: &spec3.Components{Schemas: staticSchemas()},
	}}
	for _, version := range d.source.Spec.Versions {
		built, err := builder.BuildOpenAPIV3(d.source, version.Name, builder.Options{})
		if err != nil {
			panic(err)
		}
		specs = append(specs, built)
	}
	merged, err := builder.MergeSpecsV3(specs...)
	if err != nil {
		panic(err)
	}
	converter, err := managedfields.NewTypeConverter(merged.Components.Schemas, d.source.Spec.PreserveUnknownFields)
	if err != nil {
		panic(fmt.Sprint("type converter: ", err))
	}
	d.types = converter
	return converter
}

func validateObject(raw []byte) any {
	var asked struct {
		Crd     string `json:"crd"`
		Version string `json:"version"`
		Object  any    `json:"object"`
		Old     any    `json:"old"`
	}
	read(raw, &asked)
	ready := definitions[asked.Crd]
	structural := ready.structural[asked.Version]
	out := map[string]any{}
	out["unknown"] = pruning.PruneWithOptions(asked.Object, structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	defaulting.PruneNonNullableNullsWithoutDefaults(asked.Object, structural)
	defaulting.Default(asked.Object, structural)
	out["value"] = runtime.DeepCopyJSONValue(asked.Object)
	object, isObject := asked.Object.(map[string]any)
	if !isObject {
		out["errors"] = []fieldError{}
		return out
	}
	if asked.Old == nil {
		out["errors"] = errorsOf(ready.strategies[asked.Version].Validate(context.Background(), &unstructured.Unstructured{Object: object}))
		return out
	}
	old := &unstructured.Unstructured{Object: asked.Old.(map[string]any)}
	out["errors"] = errorsOf(ready.strategies[asked.Version].ValidateUpdate(context.Background(), &unstructured.Unstructured{Object: object}, old))
	return out
}
