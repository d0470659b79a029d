// A manager of controller-runtime: a reconciler with children, finalizer, status and events, behind a cache, elected,
// with webhooks that this program serves; many objects become ready, are changed and go with all that was theirs.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/go-logr/logr"
)

const (
	widgetCount = 50
	finalizer   = "clients.example.com/finalizer"
	byColour    = "spec.colour"
)

func runController(ctx context.Context, s *session) error {
	ctrllog.SetLogger(logr.Discard())
	if err := s.defineWidgets(ctx, controllerGroup); err != nil {
		return err
	}
	hooks, err := newHooks()
	if err != nil {
		return err
	}
	defer os.RemoveAll(hooks.directory)
	manager, err := s.newManager(hooks)
	if err != nil {
		return err
	}
	reconciler := &reconciler{
		Client: manager.GetClient(), events: manager.GetEventRecorderFor("widgets"), finalized: map[string]int{},
	}
	if err := reconciler.setUp(ctx, manager); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(running) }()
	if err := s.playWidgets(ctx, manager, hooks, reconciler); err != nil {
		stop()
		return err
	}
	stop()
	if err := <-ended; err != nil {
		return fmt.Errorf("the manager ended: %w", err)
	}
	if err := s.sayManagerLease(ctx); err != nil {
		return err
	}
	if err := hooks.unregister(ctx, s); err != nil {
		return err
	}
	return s.forgetWidgets(ctx, controllerGroup)
}

func (s *session) newManager(hooks *hooks) (ctrl.Manager, error) {
	kinds := runtime.NewScheme()
	if err := scheme.AddToScheme(kinds); err != nil {
		return nil, err
	}
	if err := addWidgets(kinds); err != nil {
		return nil, err
	}
	return ctrl.NewManager(s.config, ctrl.Options{
		Scheme:  kinds,
		Metrics: server.Options{BindAddress: "0"},
		Cache:   cache.Options{DefaultNamespaces: map[string]cache.Config{s.namespace: {}}},
		WebhookServer: webhook.NewServer(webhook.Options{
			Host: "127.0.0.1", Port: hooks.port, CertDir: hooks.directory,
		}),
		LeaderElection: true, LeaderElectionID: "widgets", LeaderElectionNamespace: s.namespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       ptr.To(10 * time.Second),
	})
}

func (s *session) playWidgets(ctx context.Context, manager ctrl.Manager, hooks *hooks, r *reconciler) error {
	select {
	case <-manager.Elected():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	started := manager.GetWebhookServer().StartedChecker()
	if err := eventually(ctx, "webhooks are served", func(context.Context) (bool, error) {
		return started(nil) == nil, nil
	}); err != nil {
		return err
	}
	if err := hooks.register(ctx, s); err != nil {
		return err
	}
	for _, part := range []func(context.Context, client.Client, *reconciler) error{
		s.widgetsBecomeReady, s.webhooksDecide, s.widgetsChange, s.widgetsGo,
	} {
		if err := part(ctx, manager.GetClient(), r); err != nil {
			return err
		}
	}
	return nil
}

type reconciler struct {
	client.Client
	events    record.EventRecorder
	mutex     sync.Mutex
	finalized map[string]int
}

func (r *reconciler) setUp(ctx context.Context, manager ctrl.Manager) error {
	if err := manager.GetFieldIndexer().IndexField(ctx, &Widget{}, byColour, func(object client.Object) []string {
		return []string{object.(*Widget).Spec.Colour}
	}); err != nil {
		return err
	}
	if err := ctrl.NewWebhookManagedBy(manager).For(&Widget{}).
		WithDefaulter(painter{}).WithValidator(inspector{}).Complete(); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(manager).For(&Widget{}).Owns(&corev1.ConfigMap{}).Owns(&corev1.Secret{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4}).Complete(r)
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	widget := &Widget{}
	if err := r.Get(ctx, request.NamespacedName, widget); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !widget.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finalize(ctx, widget)
	}
	if controllerutil.AddFinalizer(widget, finalizer) {
		return ctrl.Result{}, r.Update(ctx, widget)
	}
	for at := range widget.Spec.Size {
		if err := r.ensureChild(ctx, widget, fmt.Sprintf("%s-%d", widget.Name, at)); err != nil {
			return ctrl.Result{}, err
		}
	}
	if err := r.applySecret(ctx, widget); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.report(ctx, widget)
}

func (r *reconciler) finalize(ctx context.Context, widget *Widget) error {
	if !controllerutil.ContainsFinalizer(widget, finalizer) {
		return nil
	}
	before := widget.DeepCopyObject().(*Widget)
	controllerutil.RemoveFinalizer(widget, finalizer)
	err := r.Patch(ctx, widget, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.finalized[widget.Name]++
	return nil
}

func (r *reconciler) ensureChild(ctx context.Context, widget *Widget, name string) error {
	child := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: widget.Namespace, Name: name}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, child, func() error {
		child.Labels = map[string]string{"of": "widgets"}
		child.Data = map[string]string{"colour": widget.Spec.Colour}
		return controllerutil.SetControllerReference(widget, child, r.Scheme())
	})
	return err
}

// applySecret makes a child by server-side apply.
func (r *reconciler) applySecret(ctx context.Context, widget *Widget) error {
	child := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata":   map[string]any{"name": widget.Name, "namespace": widget.Namespace, "labels": map[string]any{"of": "widgets"}},
		"stringData": map[string]any{"colour": widget.Spec.Colour},
	}}
	if err := controllerutil.SetControllerReference(widget, child, r.Scheme()); err != nil {
		return err
	}
	return r.Apply(ctx, client.ApplyConfigurationFromUnstructured(child), client.FieldOwner("widgets"), client.ForceOwnership)
}

func (r *reconciler) report(ctx context.Context, widget *Widget) error {
	before := widget.DeepCopyObject().(*Widget)
	changed := apimeta.SetStatusCondition(&widget.Status.Conditions, metav1.Condition{
		Type: "Ready", Status: metav1.ConditionTrue, Reason: "ChildrenMade", ObservedGeneration: widget.Generation,
		Message: fmt.Sprintf("%d children", widget.Spec.Size),
	})
	if !changed {
		return nil
	}
	widget.Status.Phase, widget.Status.Replicas, widget.Status.ObservedGeneration = "Ready", widget.Spec.Size, widget.Generation
	if err := r.Status().Patch(ctx, widget, client.MergeFrom(before)); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.events.Eventf(widget, corev1.EventTypeNormal, "Ready", "generation %d is ready", widget.Generation)
	return nil
}

func (s *session) widgetsBecomeReady(ctx context.Context, cached client.Client, _ *reconciler) error {
	for at := range widgetCount {
		made := &Widget{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: fmt.Sprintf("widget-%02d", at)},
			Spec:       WidgetSpec{Size: int32(1 + at%3)},
		}
		if at%5 == 0 {
			made.Annotations = map[string]string{"paint": "red"}
		}
		if err := cached.Create(ctx, made); err != nil {
			return err
		}
	}
	if err := s.untilReady(ctx, cached, 1); err != nil {
		return err
	}
	found := &Widget{}
	if err := cached.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "widget-05"}, found); err != nil {
		return err
	}
	say("a widget", "object", withoutManagedFields(found))
	red := &WidgetList{}
	if err := cached.List(ctx, red, client.InNamespace(s.namespace), client.MatchingFields{byColour: "red"}); err != nil {
		return err
	}
	say("by an index", "red", len(red.Items))
	if err := s.sayChildren(ctx, "made"); err != nil {
		return err
	}
	return s.sayWidgetEvents(ctx, widgetCount)
}

// untilReady waits until the cache shows every widget ready as of a generation, and says what the server has.
func (s *session) untilReady(ctx context.Context, cached client.Client, generation int64) error {
	return eventually(ctx, "all are ready", func(ctx context.Context) (bool, error) {
		all := &WidgetList{}
		if err := cached.List(ctx, all, client.InNamespace(s.namespace)); err != nil {
			return false, err
		}
		ready := 0
		for _, widget := range all.Items {
			condition := apimeta.FindStatusCondition(widget.Status.Conditions, "Ready")
			if condition != nil && condition.ObservedGeneration == generation && widget.Generation == generation {
				ready++
			}
		}
		if ready == widgetCount {
			say("ready", "widgets", ready, "generation", generation)
		}
		return ready == widgetCount, nil
	})
}

func (s *session) sayChildren(ctx context.Context, when string) error {
	selected := metav1.ListOptions{LabelSelector: "of=widgets"}
	configMaps, err := s.kube.CoreV1().ConfigMaps(s.namespace).List(ctx, selected)
	if err != nil {
		return err
	}
	secrets, err := s.kube.CoreV1().Secrets(s.namespace).List(ctx, selected)
	if err != nil {
		return err
	}
	owned := []string{}
	for _, child := range configMaps.Items {
		owner := metav1.GetControllerOf(&child)
		owned = append(owned, fmt.Sprintf("%s of %s, %s", child.Name, ptr.Deref(owner, metav1.OwnerReference{}).Name, child.Data["colour"]))
	}
	say("children", "when", when, "config maps", owned, "secrets", len(secrets.Items))
	if len(secrets.Items) > 0 {
		say("a secret", "when", when, "object", secrets.Items[0])
	}
	return nil
}

// sayWidgetEvents waits for as many events as there must be: recorders write them when they get to it.
func (s *session) sayWidgetEvents(ctx context.Context, count int) error {
	var messages []string
	err := eventually(ctx, "all events are written", func(ctx context.Context) (bool, error) {
		list, err := s.kube.CoreV1().Events(s.namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=Widget,reason=Ready"})
		if err != nil {
			return false, err
		}
		messages = nil
		for _, event := range list.Items {
			// How often is up to the cache: who reads an old object reports again.
			messages = append(messages, fmt.Sprintf("%s %s %s", event.InvolvedObject.Name, event.Type, event.Message))
		}
		return len(messages) >= count, nil
	})
	slices.Sort(messages)
	say("events", "messages", messages)
	return err
}

func (s *session) webhooksDecide(ctx context.Context, cached client.Client, _ *reconciler) error {
	named := func(name string, spec WidgetSpec) *Widget {
		return &Widget{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Spec: spec}
	}
	outcome("a webhook refuses to create", nil, cached.Create(ctx, named("plaid", WidgetSpec{Colour: "plaid"})))
	outcome("a rule refuses after the webhooks", nil, cached.Create(ctx, named("plaid", WidgetSpec{Size: 101})))
	dry := named("dry", WidgetSpec{Colour: "blue"})
	outcome("webhooks are asked for dry runs", withoutManagedFields(dry), cached.Create(ctx, dry, client.DryRunAll))
	found := &Widget{}
	if err := cached.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "widget-05"}, found); err != nil {
		return err
	}
	repainted := found.DeepCopyObject().(*Widget)
	repainted.Spec.Colour = "blue"
	outcome("a webhook refuses to update", nil, cached.Update(ctx, repainted))
	outcome("a webhook refuses to patch", nil, cached.Patch(ctx, repainted, client.MergeFrom(found)))
	stale := found.DeepCopyObject().(*Widget)
	stale.ResourceVersion = "1"
	stale.Spec.Size++
	outcome("an old revision", nil, cached.Update(ctx, stale))
	protected := named("protected", WidgetSpec{})
	protected.Annotations = map[string]string{"protected": "yes"}
	if err := cached.Create(ctx, protected); err != nil {
		return err
	}
	outcome("a webhook refuses to delete", nil, cached.Delete(ctx, protected))
	before := &Widget{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "protected", Annotations: map[string]string{"protected": "yes"}}}
	after := before.DeepCopyObject().(*Widget)
	after.Annotations = nil
	if err := cached.Patch(ctx, after, client.MergeFrom(before)); err != nil {
		return err
	}
	if err := cached.Delete(ctx, after); err != nil {
		return err
	}
	return eventually(ctx, "the protected one is gone, and its child", func(ctx context.Context) (bool, error) {
		if cached.Get(ctx, client.ObjectKeyFromObject(after), &Widget{}) == nil {
			return false, nil
		}
		_, err := s.kube.CoreV1().Secrets(s.namespace).Get(ctx, after.Name, metav1.GetOptions{})
		return err != nil, ignoreNotFound(err)
	})
}

func (s *session) widgetsChange(ctx context.Context, cached client.Client, _ *reconciler) error {
	all := &WidgetList{}
	if err := cached.List(ctx, all, client.InNamespace(s.namespace)); err != nil {
		return err
	}
	for at := range all.Items {
		before := all.Items[at].DeepCopyObject().(*Widget)
		all.Items[at].Spec.Size++
		if err := cached.Patch(ctx, &all.Items[at], client.MergeFrom(before)); err != nil {
			return err
		}
	}
	if err := s.untilReady(ctx, cached, 2); err != nil {
		return err
	}
	// What somebody else takes away or changes is put back.
	if err := s.kube.CoreV1().ConfigMaps(s.namespace).Delete(ctx, "widget-07-0", metav1.DeleteOptions{}); err != nil {
		return err
	}
	if err := eventually(ctx, "a lost child is made again", func(ctx context.Context) (bool, error) {
		_, err := s.kube.CoreV1().ConfigMaps(s.namespace).Get(ctx, "widget-07-0", metav1.GetOptions{})
		return err == nil, ignoreNotFound(err)
	}); err != nil {
		return err
	}
	return s.sayChildren(ctx, "changed")
}

func (s *session) widgetsGo(ctx context.Context, cached client.Client, r *reconciler) error {
	err := cached.DeleteAllOf(ctx, &Widget{}, client.InNamespace(s.namespace), client.PropagationPolicy(metav1.DeletePropagationBackground))
	if err != nil {
		return err
	}
	if err := eventually(ctx, "all are gone", func(ctx context.Context) (bool, error) {
		list, err := s.dynamic.Resource(widgetResource(controllerGroup)).Namespace(s.namespace).List(ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 0, err
	}); err != nil {
		return err
	}
	r.mutex.Lock()
	once := 0
	for name, times := range r.finalized {
		if times == 1 && strings.HasPrefix(name, "widget-") {
			once++
		}
	}
	r.mutex.Unlock()
	say("finalized", "once each", once)
	return eventually(ctx, "their children are collected", func(ctx context.Context) (bool, error) {
		selected := metav1.ListOptions{LabelSelector: "of=widgets"}
		configMaps, err := s.kube.CoreV1().ConfigMaps(s.namespace).List(ctx, selected)
		if err != nil {
			return false, err
		}
		secrets, err := s.kube.CoreV1().Secrets(s.namespace).List(ctx, selected)
		if err != nil {
			return false, err
		}
		if len(configMaps.Items)+len(secrets.Items) > 0 {
			return false, nil
		}
		say("children are gone")
		return true, nil
	})
}

func (s *session) sayManagerLease(ctx context.Context) error {
	lease, err := s.kube.CoordinationV1().Leases(s.namespace).Get(ctx, "widgets", metav1.GetOptions{})
	if err != nil {
		return err
	}
	say("the manager's lease", "holder", lease.Spec.HolderIdentity, "transitions", lease.Spec.LeaseTransitions)
	return nil
}

func withoutManagedFields(widget *Widget) *Widget {
	shown := widget.DeepCopyObject().(*Widget)
	shown.ManagedFields = nil
	return shown
}

// freePort is one of this machine's loopback that nobody listens on at the moment.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
