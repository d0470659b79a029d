// The dynamic client: create, update, apply by several managers, patches of every type, subresources, deletion.
package main

import (
	"context"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/utils/ptr"
)

const dynamicGroup = "dynamic.clients.example.com"

func runDynamic(ctx context.Context, s *session) error {
	if err := s.defineWidgets(ctx, dynamicGroup); err != nil {
		return err
	}
	widgets := s.dynamic.Resource(widgetResource(dynamicGroup)).Namespace(s.namespace)
	for _, part := range []func(context.Context, *session, dynamic.ResourceInterface) error{
		discover, writeObjects, applyByManagers, applyBuiltin, patchObjects, subresources, pages, watches, tables, deletions,
	} {
		if err := part(ctx, s, widgets); err != nil {
			return err
		}
	}
	return s.forgetWidgets(ctx, dynamicGroup)
}

func writeObjects(ctx context.Context, _ *session, widgets dynamic.ResourceInterface) error {
	made, err := widgets.Create(ctx, widget(dynamicGroup, "one", map[string]any{"size": int64(3), "unknown": true}), metav1.CreateOptions{})
	outcome("create prunes and defaults", made, err)
	if err != nil {
		return err
	}
	_, err = widgets.Create(ctx, widget(dynamicGroup, "one", nil), metav1.CreateOptions{})
	outcome("create again", nil, err)
	_, err = widgets.Create(ctx, widget(dynamicGroup, "two", map[string]any{"size": "large"}), metav1.CreateOptions{})
	outcome("create with a wrong type", nil, err)
	_, err = widgets.Create(ctx, widget(dynamicGroup, "two", map[string]any{"size": int64(101)}), metav1.CreateOptions{})
	outcome("create against a rule", nil, err)
	_, err = widgets.Create(ctx, widget(dynamicGroup, "Two_", map[string]any{}), metav1.CreateOptions{})
	outcome("create with a wrong name", nil, err)
	_, err = widgets.Create(ctx, widget(dynamicGroup, "two", map[string]any{"unknown": true}),
		metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	outcome("create strictly", nil, err)
	dry, err := widgets.Create(ctx, widget(dynamicGroup, "dry", map[string]any{}), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	outcome("create dry", dry, err)
	_, err = widgets.Get(ctx, "dry", metav1.GetOptions{})
	outcome("get what was made dry", nil, err)

	changed := made.DeepCopy()
	if err := unstructured.SetNestedField(changed.Object, int64(4), "spec", "size"); err != nil {
		return err
	}
	// What is not spec comes by another way.
	if err := unstructured.SetNestedField(changed.Object, "lost", "status", "phase"); err != nil {
		return err
	}
	updated, err := widgets.Update(ctx, changed, metav1.UpdateOptions{FieldManager: "updater"})
	outcome("update", updated, err)
	_, err = widgets.Update(ctx, changed, metav1.UpdateOptions{})
	outcome("update what has changed meanwhile", nil, err)
	same, err := widgets.Update(ctx, updated, metav1.UpdateOptions{FieldManager: "updater"})
	if err == nil {
		say("update without a change", "same revision", same.GetResourceVersion() == updated.GetResourceVersion())
	}
	changed.SetResourceVersion("")
	_, err = widgets.Update(ctx, changed, metav1.UpdateOptions{})
	outcome("update without a revision", nil, err)
	return nil
}

func applyByManagers(ctx context.Context, _ *session, widgets dynamic.ResourceInterface) error {
	apply := func(step, manager string, force bool, spec map[string]any) {
		applied, err := widgets.Apply(ctx, "applied", widget(dynamicGroup, "applied", spec),
			metav1.ApplyOptions{FieldManager: manager, Force: force})
		outcome(step, applied, err)
	}
	part := func(name string, count int64) any { return map[string]any{"name": name, "count": count} }
	apply("apply makes", "alice", false, map[string]any{
		"size": int64(1), "parts": []any{part("a", 1), part("b", 1)}, "tags": []any{"x"}, "steps": []any{"1", "2"},
	})
	apply("apply by another manager", "bob", false, map[string]any{
		"parts": []any{part("c", 1)}, "tags": []any{"y", "x"},
	})
	apply("apply meets conflicts", "bob", false, map[string]any{
		"size": int64(2), "parts": []any{part("a", 2), part("c", 1)}, "steps": []any{"3"},
	})
	apply("apply the same value shares", "bob", false, map[string]any{"size": int64(1), "parts": []any{part("c", 1)}})
	apply("apply takes by force", "bob", true, map[string]any{
		"size": int64(2), "parts": []any{part("a", 2), part("c", 1)}, "steps": []any{"3"},
	})
	apply("apply gives up", "alice", false, map[string]any{"parts": []any{part("b", 1)}})
	apply("apply what is wrong", "alice", false, map[string]any{"size": "large"})
	apply("apply without a manager", "", false, map[string]any{})
	status := widget(dynamicGroup, "applied", nil)
	delete(status.Object, "spec")
	status.Object["status"] = map[string]any{
		"phase":      "Ready",
		"conditions": []any{map[string]any{"type": "Ready", "status": "True", "reason": "Made"}},
	}
	answered, err := widgets.ApplyStatus(ctx, "applied", status, metav1.ApplyOptions{FieldManager: "carol"})
	outcome("apply status", answered, err)
	status.Object["status"] = map[string]any{
		"conditions": []any{map[string]any{"type": "Ready", "status": "False"}},
	}
	_, err = widgets.ApplyStatus(ctx, "applied", status, metav1.ApplyOptions{FieldManager: "dave"})
	outcome("apply status meets conflicts", nil, err)
	got, err := widgets.Get(ctx, "applied", metav1.GetOptions{})
	outcome("get what was applied", got, err)
	return nil
}

func patchObjects(ctx context.Context, s *session, widgets dynamic.ResourceInterface) error {
	patch := func(step string, kind types.PatchType, body string, below ...string) {
		patched, err := widgets.Patch(ctx, "one", kind, []byte(body), metav1.PatchOptions{FieldManager: "patcher"}, below...)
		outcome(step, patched, err)
	}
	patch("merge patch", types.MergePatchType, `{"spec":{"tags":["p"],"colour":null,"parts":[{"name":"a"}]},"metadata":{"labels":{"a":"b"}}}`)
	patch("JSON patch", types.JSONPatchType, `[{"op":"test","path":"/spec/tags/0","value":"p"},{"op":"add","path":"/spec/tags/-","value":"q"}]`)
	patch("JSON patch whose test fails", types.JSONPatchType, `[{"op":"test","path":"/spec/tags/0","value":"z"}]`)
	patch("JSON patch that leads nowhere", types.JSONPatchType, `[{"op":"remove","path":"/spec/absent"}]`)
	patch("strategic patch of a custom object", types.StrategicMergePatchType, `{"spec":{"size":5}}`)
	patch("patch that is no JSON", types.MergePatchType, `{"spec"`)
	patch("patch of status", types.MergePatchType, `{"spec":{"size":99},"status":{"phase":"Ready","replicas":4}}`, "status")
	patch("patch with an old revision", types.MergePatchType, `{"metadata":{"resourceVersion":"1"},"spec":{"size":6}}`)
	patch("patch that does not fit", types.MergePatchType, `{"spec":{"size":"large"}}`)

	configMaps := s.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(s.namespace)
	if _, err := configMaps.Create(ctx, configMap("patched"), metav1.CreateOptions{}); err != nil {
		return err
	}
	patched, err := configMaps.Patch(ctx, "patched", types.StrategicMergePatchType,
		[]byte(`{"data":{"strategic":"1","a":null},"metadata":{"finalizers":["example.com/a"]}}`), metav1.PatchOptions{})
	outcome("strategic patch", patched, err)
	patched, err = configMaps.Patch(ctx, "patched", types.StrategicMergePatchType,
		[]byte(`{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.com/a"]},"data":{"$patch":"replace","only":"this"}}`),
		metav1.PatchOptions{})
	outcome("strategic patch with directives", patched, err)
	_, err = configMaps.Patch(ctx, "absent", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{})
	outcome("patch what is not there", nil, err)
	return nil
}

func configMap(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": name, "labels": map[string]any{"for": "patches"}},
		"data":     map[string]any{"a": "1", "b": "2"},
	}}
}

func subresources(ctx context.Context, s *session, widgets dynamic.ResourceInterface) error {
	found, err := widgets.Get(ctx, "one", metav1.GetOptions{}, "scale")
	outcome("get scale", found, err)
	if err := unstructured.SetNestedField(found.Object, int64(7), "spec", "replicas"); err != nil {
		return err
	}
	scaled, err := widgets.Update(ctx, found, metav1.UpdateOptions{FieldManager: "scaler"}, "scale")
	outcome("update scale", scaled, err)
	cached := memory.NewMemCacheClient(discovery.NewDiscoveryClientForConfigOrDie(s.config))
	scales, err := scale.NewForConfig(s.config, restmapper.NewDeferredDiscoveryRESTMapper(cached),
		dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(cached))
	if err != nil {
		return err
	}
	resource := widgetResource(dynamicGroup).GroupResource()
	of := scales.Scales(s.namespace)
	current, err := of.Get(ctx, resource, "one", metav1.GetOptions{})
	outcome("scale client gets", current, err)
	current.Spec.Replicas = 8
	written, err := of.Update(ctx, resource, current, metav1.UpdateOptions{})
	outcome("scale client updates", written, err)
	_, err = of.Patch(ctx, widgetResource(dynamicGroup), "one", types.MergePatchType, []byte(`{"spec":{"replicas":-1}}`), metav1.PatchOptions{})
	outcome("scale below nothing", nil, err)
	stale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "one", Namespace: s.namespace, ResourceVersion: "1"}}
	_, err = of.Update(ctx, resource, stale, metav1.UpdateOptions{})
	outcome("scale what has changed meanwhile", nil, err)
	status, err := widgets.Get(ctx, "one", metav1.GetOptions{}, "status")
	outcome("get status", status, err)
	_, err = widgets.Get(ctx, "one", metav1.GetOptions{}, "absent")
	outcome("get an unknown subresource", nil, err)
	return nil
}

func deletions(ctx context.Context, _ *session, widgets dynamic.ResourceInterface) error {
	kept := widget(dynamicGroup, "kept", map[string]any{})
	kept.SetFinalizers([]string{"example.com/hold"})
	if _, err := widgets.Create(ctx, kept, metav1.CreateOptions{}); err != nil {
		return err
	}
	wrong := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: ptr.To(types.UID("0000"))}}
	outcome("delete another one", nil, widgets.Delete(ctx, "kept", wrong))
	stale := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: ptr.To("1")}}
	say("delete an older one", "refused", refusalWithoutNumbers(widgets.Delete(ctx, "kept", stale)))
	outcome("delete dry", nil, widgets.Delete(ctx, "kept", metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}))
	outcome("delete what is held", nil, widgets.Delete(ctx, "kept", metav1.DeleteOptions{}))
	held, err := widgets.Get(ctx, "kept", metav1.GetOptions{})
	outcome("get what is held", held, err)
	_, err = widgets.Patch(ctx, "kept", types.MergePatchType, []byte(`{"metadata":{"finalizers":["example.com/other"]}}`), metav1.PatchOptions{})
	outcome("hold it otherwise while it goes", nil, err)
	released, err := widgets.Patch(ctx, "kept", types.JSONPatchType, []byte(`[{"op":"remove","path":"/metadata/finalizers"}]`), metav1.PatchOptions{})
	outcome("release it", released, err)
	_, err = widgets.Get(ctx, "kept", metav1.GetOptions{})
	outcome("get what is gone", nil, err)
	outcome("delete what is gone", nil, widgets.Delete(ctx, "kept", metav1.DeleteOptions{}))

	outcome("delete some", nil, widgets.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "half=even"}))
	say("left", "names", names(ctx, widgets, metav1.ListOptions{}))
	outcome("delete by field", nil, widgets.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name=one"}))
	outcome("delete dry what is left", nil, widgets.DeleteCollection(ctx, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}, metav1.ListOptions{}))
	say("left", "names", names(ctx, widgets, metav1.ListOptions{}))
	outcome("delete all", nil, widgets.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	say("left", "names", names(ctx, widgets, metav1.ListOptions{}))
	return nil
}

func names(ctx context.Context, resource dynamic.ResourceInterface, options metav1.ListOptions) any {
	list, err := resource.List(ctx, options)
	if err != nil {
		return refusal(err)
	}
	found := []string{}
	for _, item := range list.Items {
		found = append(found, item.GetName())
	}
	return found
}
