package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// componentSet is the schemas of an OpenAPI document, as a server of built-in kinds has them.
type componentSet struct {
	schemas   map[string]*spec.Schema
	converter managedfields.TypeConverter
}

var components = map[string]componentSet{}

func registerComponents(raw []byte) any {
	var asked struct {
		Id      string
		Schemas map[string]*spec.Schema
	}
	if err := json.Unmarshal(raw, &asked); err != nil {
		panic(err)
	}
	converter, err := managedfields.NewTypeConverter(asked.Schemas, false)
	if err != nil {
		return failed(err)
	}
	components[asked.Id] = componentSet{schemas: asked.Schemas, converter: converter}
	return map[string]bool{"ok": true}
}

type historyStep struct {
	// Op is apply or update.
	Op          string         `json:"op"`
	Version     string         `json:"version"`
	Subresource string         `json:"subresource"`
	Manager     string         `json:"manager"`
	Force       bool           `json:"force"`
	Object      map[string]any `json:"object"`
	// Patch is what an update lays over the live object, as a JSON merge patch, instead of replacing it.
	Patch  map[string]any `json:"patch"`
	Second int64          `json:"second"`
}

type history struct {
	Components string `json:"components"`
	// Schema names the component that describes the kind.
	Schema  string `json:"schema"`
	Crd     string `json:"crd"`
	Deduced bool   `json:"deduced"`
	Group   string `json:"group"`
	Kind    string `json:"kind"`
	// Reset holds, by subresource, the paths that nobody owns there.
	Reset map[string][][]string `json:"reset"`
	Steps []historyStep         `json:"steps"`
	// Later takes the place of Crd before the step From.
	Later *struct {
		From int    `json:"from"`
		Crd  string `json:"crd"`
	} `json:"later"`
}

type stepAnswer struct {
	Object any          `json:"object"`
	Error  *statusError `json:"error,omitempty"`
}

type statusError struct {
	Code    int32                `json:"code"`
	Reason  metav1.StatusReason  `json:"reason"`
	Message string               `json:"message"`
	Causes  []metav1.StatusCause `json:"causes,omitempty"`
}

func statusOf(err error) *statusError {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return &statusError{Code: 500, Message: err.Error()}
	}
	said := status.Status()
	out := &statusError{Code: said.Code, Reason: said.Reason, Message: said.Message}
	if said.Details != nil {
		out.Causes = said.Details.Causes
	}
	return out
}

type creater struct{}

func (creater) New(kind schema.GroupVersionKind) (runtime.Object, error) {
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(kind)
	return out, nil
}

type noDefaults struct{}

func (noDefaults) Default(runtime.Object) {}

// relabel converts as the scheme of kinds that have one version.
type relabel struct{}

func (relabel) Convert(in, out, context any) error { return errors.New("not used") }
func (relabel) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}
func (relabel) ConvertToVersion(in runtime.Object, target runtime.GroupVersioner) (runtime.Object, error) {
	from := in.GetObjectKind().GroupVersionKind()
	kind, found := target.KindForGroupVersionKinds([]schema.GroupVersionKind{from})
	if !found || kind.Version != from.Version {
		return nil, runtime.NewNotRegisteredErrForTarget("oracle", nil, target)
	}
	out := in.DeepCopyObject()
	out.GetObjectKind().SetGroupVersionKind(kind)
	return out, nil
}

// begin is the time of a history's second 0: all of a history lies before now.
var begin = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func runHistory(raw []byte) any {
	var asked history
	read(raw, &asked)
	var live *unstructured.Unstructured
	answers := []stepAnswer{}
	writtenAs := ""
	for index, step := range asked.Steps {
		if asked.Later != nil && index >= asked.Later.From {
			asked.Crd = asked.Later.Crd
		}
		readAs := step.Version + asked.Crd
		kind := schema.GroupVersionKind{Group: asked.Group, Version: step.Version, Kind: asked.Kind}
		manager := managerOf(asked, step, kind)
		before := live
		if before == nil {
			before = &unstructured.Unstructured{Object: map[string]any{}}
			before.SetGroupVersionKind(kind)
		} else {
			before = before.DeepCopy()
			before.SetGroupVersionKind(kind)
			if readAs != writtenAs {
				settle(asked, before)
			}
		}
		var after runtime.Object
		var err error
		switch step.Op {
		case "apply":
			after, err = manager.Apply(before, &unstructured.Unstructured{Object: step.Object}, step.Manager, step.Force)
		case "update":
			next := step.Object
			if next == nil {
				next = overlaid(before.Object, step.Patch)
			}
			sent := &unstructured.Unstructured{Object: next}
			settle(asked, sent)
			if live != nil {
				sent.SetUID("u")
			}
			after = manager.UpdateNoErrors(before, sent, step.Manager)
		default:
			panic("unknown step " + step.Op)
		}
		if err != nil {
			answers = append(answers, stepAnswer{Error: statusOf(err)})
			continue
		}
		live = after.(*unstructured.Unstructured)
		live = stamped(live.DeepCopy(), step.Second)
		settle(asked, live)
		live.SetUID("u")
		writtenAs = readAs
		answers = append(answers, stepAnswer{Object: live.DeepCopy().Object})
	}
	return answers
}

// settle is what a round trip to storage does.
func settle(asked history, object *unstructured.Unstructured) {
	if asked.Crd != "" {
		definitions[asked.Crd].settle(object)
		return
	}
	set := components[asked.Components]
	set.settle(object.Object, set.schemas[asked.Schema])
}

// settle does to nulls what decoding into Go structs does: fields that are values become their zero, pointers go.
func (c componentSet) settle(value any, node *spec.Schema) {
	for node != nil && len(node.AllOf) == 1 && node.AllOf[0].Ref.String() != "" {
		node = &node.AllOf[0]
		reference := node.Ref.String()
		node = c.schemas[reference[strings.LastIndex(reference, "/")+1:]]
	}
	if node != nil && node.Ref.String() != "" {
		reference := node.Ref.String()
		node = c.schemas[reference[strings.LastIndex(reference, "/")+1:]]
	}
	switch each := value.(type) {
	case map[string]any:
		for key, member := range each {
			below := memberSchema(node, key)
			if member != nil {
				c.settle(member, below)
			} else if below != nil && below.Default != nil {
				each[key] = runtime.DeepCopyJSONValue(below.Default)
			} else {
				delete(each, key)
			}
		}
	case []any:
		for _, item := range each {
			if node != nil && node.Items != nil {
				c.settle(item, node.Items.Schema)
			} else {
				c.settle(item, nil)
			}
		}
	}
}

func memberSchema(node *spec.Schema, key string) *spec.Schema {
	if node == nil {
		return nil
	}
	if property, declared := node.Properties[key]; declared {
		return &property
	}
	if node.AdditionalProperties != nil {
		return node.AdditionalProperties.Schema
	}
	return nil
}

// stamped writes the history's time over that of the clock.
func stamped(object *unstructured.Unstructured, second int64) *unstructured.Unstructured {
	entries := object.GetManagedFields()
	for index := range entries {
		if entries[index].Time != nil && entries[index].Time.Time.Year() > 2020 {
			at := metav1.NewTime(begin.Add(time.Duration(second) * time.Second))
			entries[index].Time = &at
		}
	}
	if len(entries) > 0 {
		// They were sorted by the clock's time: those of the same second come in another order.
		sort.SliceStable(entries, func(i, j int) bool { return orderOf(entries[i]) < orderOf(entries[j]) })
		object.SetManagedFields(entries)
	}
	return object
}

// orderOf spells the order in which entries are kept.
func orderOf(entry metav1.ManagedFieldsEntry) string {
	seconds := int64(0)
	if entry.Time != nil {
		seconds = entry.Time.Unix()
	}
	return fmt.Sprintf("%s\x00%012d\x00%s\x00%s\x00%s", entry.Operation, seconds, entry.Manager, entry.APIVersion, entry.Subresource)
}

// overlaid is the object with a JSON merge patch laid over it.
func overlaid(object, patch map[string]any) map[string]any {
	original, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	change, err := json.Marshal(patch)
	if err != nil {
		panic(err)
	}
	merged, err := jsonpatch.MergePatch(original, change)
	if err != nil {
		panic(err)
	}
	out := map[string]any{}
	read(merged, &out)
	return out
}

func managerOf(asked history, step historyStep, kind schema.GroupVersionKind) *managedfields.FieldManager {
	reset := map[fieldpath.APIVersion]*fieldpath.Set{}
	for _, path := range asked.Reset[step.Subresource] {
		parts := []any{}
		for _, part := range path {
			parts = append(parts, part)
		}
		version := fieldpath.APIVersion(kind.GroupVersion().String())
		if reset[version] == nil {
			reset[version] = fieldpath.NewSet()
		}
		reset[version].Insert(fieldpath.MakePathOrDie(parts...))
	}
	filters := fieldpath.NewExcludeFilterSetMap(reset)
	var manager *managedfields.FieldManager
	var err error
	switch {
	case asked.Crd != "":
		definition := definitions[asked.Crd]
		manager, err = managedfields.NewDefaultCRDFieldManager(definition.typeConverter(), definition.converter, definition,
			creater{}, kind, kind.GroupVersion(), step.Subresource, filters)
	case asked.Deduced:
		manager, err = managedfields.NewDefaultCRDFieldManager(managedfields.NewDeducedTypeConverter(), relabel{}, noDefaults{},
			creater{}, kind, kind.GroupVersion(), step.Subresource, filters)
	default:
		manager, err = managedfields.NewDefaultFieldManager(components[asked.Components].converter, relabel{}, noDefaults{},
			creater{}, kind, kind.GroupVersion(), step.Subresource, filters)
	}
	if err != nil {
		panic(fmt.Sprint("no field manager: ", err))
	}
	return manager
}
