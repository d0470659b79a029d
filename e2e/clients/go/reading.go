// How a client reads: discovery, mappings, OpenAPI, pages, watches, tables, and typed apply with extraction.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/pager"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/utils/ptr"
)

// requestLog is what a client asked for, in order.
type requestLog struct {
	mutex sync.Mutex
	paths []string
	next  http.RoundTripper
}

func (l *requestLog) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	line := request.Method + " " + request.URL.Path
	if err == nil {
		line = fmt.Sprintf("%s: %d %s", line, response.StatusCode, strings.Split(response.Header.Get("Content-Type"), ";")[0])
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.paths = append(l.paths, line)
	return response, err
}

func discover(ctx context.Context, s *session, _ dynamic.ResourceInterface) error {
	log := &requestLog{}
	config := rest.CopyConfig(s.config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { log.next = next; return log })
	client := discovery.NewDiscoveryClientForConfigOrDie(config)
	cached := memory.NewMemCacheClient(client)
	groups, err := restmapper.GetAPIGroupResources(cached)
	if err != nil {
		return err
	}
	say("discovery", "requests", sorted(slices.Clone(log.paths)))
	mapper := restmapper.NewShortcutExpander(restmapper.NewDiscoveryRESTMapper(groups), cached, func(string) {})
	for _, name := range []string{"po", "deploy", "cm", "sts", "crd", "ns", "sa", "svc", "wdg", "widgets", "leases", "cj", "pdb", "pvc"} {
		found, err := mapper.KindFor(schema.GroupVersionResource{Resource: name})
		if err != nil {
			return err
		}
		mapping, err := mapper.RESTMapping(found.GroupKind(), found.Version)
		if err != nil {
			return err
		}
		say("mapping", "name", name, "kind", found.String(), "resource", mapping.Resource.String(), "scope", mapping.Scope.Name())
	}
	_, err = mapper.RESTMapping(schema.GroupKind{Group: dynamicGroup, Kind: "Gadget"})
	say("mapping of nothing", "refused", meta.IsNoMatchError(err))
	expanded, _ := restmapper.NewDiscoveryCategoryExpander(cached).Expand("all")
	names := []string{}
	for _, resource := range expanded {
		names = append(names, resource.String())
	}
	say("category all", "has widgets", slices.Contains(names, widgetResource(dynamicGroup).GroupResource().String()),
		"has pods", slices.Contains(names, "pods"), "has secrets", slices.Contains(names, "secrets"))
	resources, err := client.ServerResourcesForGroupVersion(dynamicGroup + "/v1")
	outcome("resources of our group", resources, err)
	_, err = client.ServerResourcesForGroupVersion("absent.example.com/v1")
	outcome("resources of no group", nil, err)
	version, err := client.ServerVersion()
	if err != nil {
		return err
	}
	say("version", "major", version.Major, "minor", version.Minor)
	return readOpenAPI(ctx, client)
}

func readOpenAPI(ctx context.Context, client discovery.DiscoveryInterface) error {
	root := openapi3.NewRoot(client.OpenAPIV3())
	var spec *spec3.OpenAPI
	if err := eventually(ctx, "the definition is published", func(context.Context) (bool, error) {
		found, err := root.GVSpec(schema.GroupVersion{Group: dynamicGroup, Version: "v1"})
		spec = found
		return err == nil, nil
	}); err != nil {
		return err
	}
	paths := []string{}
	for path, item := range spec.Paths.Paths {
		verbs := ""
		for verb, there := range map[string]bool{
			"delete": item.Delete != nil, "get": item.Get != nil, "patch": item.Patch != nil, "post": item.Post != nil, "put": item.Put != nil,
		} {
			if there {
				verbs += verb[:2] + " "
			}
		}
		letters := strings.Fields(verbs)
		slices.Sort(letters)
		paths = append(paths, path+" "+strings.Join(letters, ","))
	}
	say("OpenAPI", "paths", sorted(paths), "schemas", len(spec.Components.Schemas))
	widgets := spec.Components.Schemas["com.example.clients.dynamic.v1.Widget"]
	if widgets == nil {
		return fmt.Errorf("the schema of widgets is missing")
	}
	say("OpenAPI of widgets", "spec", widgets.Properties["spec"], "extensions", widgets.Extensions)
	_, err := root.GVSpec(schema.GroupVersion{Group: "absent.example.com", Version: "v1"})
	say("OpenAPI of nothing", "refused", err.Error())
	return nil
}

// applyBuiltin applies as typed clients do, and reads back what is whose by the server's own schema.
func applyBuiltin(ctx context.Context, s *session, widgets dynamic.ResourceInterface) error {
	configMaps := s.kube.CoreV1().ConfigMaps(s.namespace)
	wanted := corev1apply.ConfigMap("typed", s.namespace).
		WithLabels(map[string]string{"made": "by-apply"}).
		WithFinalizers("example.com/none").
		WithData(map[string]string{"a": "1", "b": "2"})
	applied, err := configMaps.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: "typed"})
	outcome("typed apply", applied, err)
	applied, err = configMaps.Apply(ctx, corev1apply.ConfigMap("typed", s.namespace).WithData(map[string]string{"b": "3"}),
		metav1.ApplyOptions{FieldManager: "other"})
	outcome("typed apply conflicts", nil, err)
	if _, err = configMaps.Apply(ctx, corev1apply.ConfigMap("typed", s.namespace).WithData(map[string]string{"c": "3"}),
		metav1.ApplyOptions{FieldManager: "other"}); err != nil {
		return err
	}
	if applied, err = configMaps.Get(ctx, "typed", metav1.GetOptions{}); err != nil {
		return err
	}
	mine, err := corev1apply.ExtractConfigMap(applied, "typed")
	outcome("extracted", mine, err)
	converter, err := openapi.NewTypeConverter(openapi.NewClient(s.kube.Discovery().RESTClient()), false)
	if err != nil {
		return err
	}
	custom, err := widgets.Get(ctx, "applied", metav1.GetOptions{})
	if err != nil {
		return err
	}
	typed, err := converter.ObjectToTyped(custom)
	if err != nil {
		return err
	}
	set, err := typed.ToFieldSet()
	outcome("fields of a custom object by OpenAPI", fmt.Sprint(set), err)
	applied.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	typed, err = converter.ObjectToTyped(applied)
	outcome("a built-in object by OpenAPI", typed != nil, err)
	empty, err := configMaps.Apply(ctx, corev1apply.ConfigMap("typed", s.namespace), metav1.ApplyOptions{FieldManager: "typed"})
	outcome("typed apply gives all up", empty, err)
	return configMaps.Delete(ctx, "typed", metav1.DeleteOptions{})
}

const pageObjects = 10

func pages(ctx context.Context, s *session, widgets dynamic.ResourceInterface) error {
	for at := range pageObjects {
		half := []string{"even", "odd"}[at%2]
		made := widget(dynamicGroup, fmt.Sprintf("page-%02d", at), map[string]any{"size": int64(at), "colour": half})
		made.SetLabels(map[string]string{"half": half})
		if _, err := widgets.Create(ctx, made, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, options := range []metav1.ListOptions{
		{LabelSelector: "half=odd"}, {LabelSelector: "half notin (odd),half"}, {LabelSelector: "half in (odd"},
		{FieldSelector: "metadata.name=page-03"}, {FieldSelector: "spec.colour=even"}, {FieldSelector: "spec.size=3"},
		{FieldSelector: "metadata.name!=page-03", LabelSelector: "half=odd"},
		{ResourceVersion: "0"}, {ResourceVersionMatch: "NotOlderThan"}, {ResourceVersion: "x"},
		{Limit: -1},
		{ResourceVersion: "1", ResourceVersionMatch: "Exact", Limit: 2},
	} {
		list, err := widgets.List(ctx, options)
		shown := []any{"options", options}
		if err != nil {
			say("list", append(shown, "refused", refusalWithoutNumbers(err))...)
			continue
		}
		found := []string{}
		for _, item := range list.Items {
			found = append(found, item.GetName())
		}
		say("list", append(shown, "names", found, "metadata", list.Object["metadata"])...)
	}
	selected := metav1.ListOptions{LabelSelector: "half", Limit: 4}
	first, err := widgets.List(ctx, selected)
	if err != nil {
		return err
	}
	say("first page of a selection", "objects", len(first.Items), "metadata", first.Object["metadata"])
	if err := pagesOfAll(ctx, widgets); err != nil {
		return err
	}
	selected.Continue = "nonsense"
	_, err = widgets.List(ctx, selected)
	outcome("continue with nonsense", nil, err)
	if err := expiredPage(ctx, s, widgets); err != nil {
		return err
	}
	paged := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return widgets.List(ctx, options)
	})
	paged.PageSize = 3
	var found []string
	err = paged.EachListItem(ctx, metav1.ListOptions{}, func(item runtime.Object) error {
		found = append(found, item.(*unstructured.Unstructured).GetName())
		return nil
	})
	outcome("pager", found, err)
	return nil
}

// pagesOfAll reads page by page while another client deletes and creates: what is read is as it was at the first page.
func pagesOfAll(ctx context.Context, widgets dynamic.ResourceInterface) error {
	options := metav1.ListOptions{Limit: 3}
	revision := ""
	for page := 0; ; page++ {
		list, err := widgets.List(ctx, options)
		if err != nil {
			return err
		}
		found := []string{}
		for _, item := range list.Items {
			found = append(found, item.GetName())
		}
		if revision == "" {
			revision = list.GetResourceVersion()
		}
		say("page", "number", page, "names", found, "remaining", list.GetRemainingItemCount(),
			"same revision", revision == list.GetResourceVersion())
		if page == 0 {
			if err := widgets.Delete(ctx, "page-09", metav1.DeleteOptions{}); err != nil {
				return err
			}
			if _, err := widgets.Create(ctx, widget(dynamicGroup, "page-99", nil), metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

// expiredPage goes on reading after the server has forgotten how it was.
func expiredPage(ctx context.Context, s *session, widgets dynamic.ResourceInterface) error {
	first, err := widgets.List(ctx, metav1.ListOptions{Limit: 3})
	if err != nil {
		return err
	}
	if _, err := widgets.Create(ctx, widget(dynamicGroup, "page-50", nil), metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := ask("compact"); err != nil {
		return err
	}
	if err := eventually(ctx, "the page is forgotten", func(ctx context.Context) (bool, error) {
		_, err = widgets.List(ctx, metav1.ListOptions{Limit: 3, Continue: first.GetContinue()})
		_, isSaid := refusalStatus(err)
		return isSaid, nil
	}); err != nil {
		return err
	}
	say("continue after compaction", "refused", refusalWithoutNumbers(err))
	token := continueOf(err)
	if token == "" {
		return nil
	}
	rest, err := widgets.List(ctx, metav1.ListOptions{Limit: 20, Continue: token})
	if err != nil {
		return err
	}
	found := []string{}
	for _, item := range rest.Items {
		found = append(found, item.GetName())
	}
	say("continue as it is now", "names", found, "metadata", rest.Object["metadata"])
	return nil
}

func watches(ctx context.Context, _ *session, widgets dynamic.ResourceInterface) error {
	watched, err := widgets.Watch(ctx, metav1.ListOptions{
		SendInitialEvents: ptr.To(true), ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
		AllowWatchBookmarks: true, LabelSelector: "half=odd",
	})
	if err != nil {
		return err
	}
	if err := sayEvents("initial event", watched, func(event watch.Event) bool {
		return event.Type == watch.Bookmark
	}); err != nil {
		return err
	}
	change := func(name, body string) error {
		_, err := widgets.Patch(ctx, name, "application/merge-patch+json", []byte(body), metav1.PatchOptions{FieldManager: "watched"})
		return err
	}
	for _, step := range [][2]string{
		{"page-01", `{"spec":{"size":50}}`}, {"page-02", `{"metadata":{"labels":{"half":"odd"}}}`},
		{"page-03", `{"metadata":{"labels":{"half":"even"}}}`}, {"page-00", `{"spec":{"size":51}}`},
		{"page-05", `{"spec":{"size":52}}`}, {"page-05", `{"spec":{"size":52}}`},
	} {
		if err := change(step[0], step[1]); err != nil {
			return err
		}
	}
	if err := widgets.Delete(ctx, "page-07", metav1.DeleteOptions{}); err != nil {
		return err
	}
	if err := sayEvents("event", watched, func(event watch.Event) bool {
		return event.Type == watch.Deleted && event.Object.(*unstructured.Unstructured).GetName() == "page-07"
	}); err != nil {
		return err
	}
	watched.Stop()
	for _, options := range []metav1.ListOptions{
		{SendInitialEvents: ptr.To(true)}, {ResourceVersion: "x"}, {LabelSelector: "("}, {ResourceVersionMatch: "Exact"},
		{ResourceVersionMatch: "NotOlderThan", SendInitialEvents: ptr.To(true), ResourceVersion: "x", AllowWatchBookmarks: true},
	} {
		refused, err := widgets.Watch(ctx, options)
		if err == nil {
			refused.Stop()
		}
		outcome("wrong watch", nil, err)
	}
	return endsOnTime(ctx, widgets)
}

// endsOnTime sees that a watch ends after what was asked for, without an error.
func endsOnTime(ctx context.Context, widgets dynamic.ResourceInterface) error {
	begun := time.Now()
	watched, err := widgets.Watch(ctx, metav1.ListOptions{TimeoutSeconds: ptr.To(int64(1)), FieldSelector: "metadata.name=page-01"})
	if err != nil {
		return err
	}
	kinds := []string{}
	for event := range watched.ResultChan() {
		kinds = append(kinds, string(event.Type))
	}
	took := time.Since(begun)
	say("watch that ends", "events", kinds, "on time", took > 900*time.Millisecond && took < 4*time.Second)
	return nil
}

func sayEvents(step string, watched watch.Interface, last func(watch.Event) bool) error {
	for {
		select {
		case event, open := <-watched.ResultChan():
			if !open {
				return fmt.Errorf("the watch ended while %ss were expected", step)
			}
			object := event.Object
			if event.Type != watch.Bookmark || last(event) {
				say(step, "type", event.Type, "object", object)
			}
			if last(event) {
				return nil
			}
		case <-time.After(30 * time.Second):
			return fmt.Errorf("no more %s came", step)
		}
	}
}

func tables(ctx context.Context, s *session, _ dynamic.ResourceInterface) error {
	ask := func(step, path, accept string, parameters ...string) {
		request := s.kube.CoreV1().RESTClient().Get().AbsPath(path).SetHeader("Accept", accept)
		for at := 0; at+1 < len(parameters); at += 2 {
			request.Param(parameters[at], parameters[at+1])
		}
		var kind string
		result := request.Do(ctx).ContentType(&kind)
		text, err := result.Raw()
		if err != nil {
			say(step, "refused", refusal(err))
			return
		}
		var parsed any
		if err := json.Unmarshal(text, &parsed); err != nil {
			say(step, "refused", err.Error())
			return
		}
		say(step, "type", kind, "answer", withoutAges(parsed))
	}
	table := "application/json;as=Table;v=v1;g=meta.k8s.io"
	path := fmt.Sprintf("/apis/%s/v1/namespaces/%s/widgets", dynamicGroup, s.namespace)
	configMaps := fmt.Sprintf("/api/v1/namespaces/%s/configmaps", s.namespace)
	ask("table", path, table, "limit", "2")
	ask("table without objects", path, table, "includeObject", "None")
	ask("table with objects", path+"/one", table, "includeObject", "Object")
	ask("table with something", path+"/one", table, "includeObject", "Some")
	ask("table of config maps", configMaps, table, "fieldSelector", "metadata.name=patched")
	ask("table in another version", path, "application/json;as=Table;v=v2;g=meta.k8s.io")
	ask("table or plain", path+"/one", "application/json;as=Table;v=v2;g=meta.k8s.io,application/json")
	ask("metadata alone", path+"/one", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
	ask("YAML is not JSON", path+"/one", "text/html")
	client, err := metadata.NewForConfig(s.config)
	if err != nil {
		return err
	}
	list, err := client.Resource(widgetResource(dynamicGroup)).Namespace(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: "half=odd"})
	if err == nil {
		for at := range list.Items {
			list.Items[at].TypeMeta = metav1.TypeMeta{} // not said in protobuf, which this client prefers
		}
	}
	outcome("metadata client", list, err)
	found, err := client.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(s.namespace).Get(ctx, "patched", metav1.GetOptions{})
	outcome("metadata client of a built-in kind", found, err)
	return nil
}

// withoutAges replaces cells of tables that say how old something is.
func withoutAges(parsed any) any {
	table, _ := parsed.(map[string]any)
	rows, _ := table["rows"].([]any)
	for _, row := range rows {
		cells, _ := row.(map[string]any)["cells"].([]any)
		if len(cells) > 0 {
			if text, ok := cells[len(cells)-1].(string); ok && strings.HasSuffix(text, "s") {
				cells[len(cells)-1] = "AGE"
			}
		}
	}
	return parsed
}

func continueOf(err error) string {
	said, ok := refusalStatus(err)
	if !ok {
		return ""
	}
	return said.Continue
}
