// Built-in kinds in protobuf, compressed answers, tokens and the questions who one is and what one may do.
package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
)

func runBuiltin(ctx context.Context, s *session) error {
	config := rest.CopyConfig(s.config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	inProtobuf, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for _, part := range []func(context.Context, *session, kubernetes.Interface) error{
		typedObjects, typedChanges, compressed, rights,
	} {
		if err := part(ctx, s, inProtobuf); err != nil {
			return err
		}
	}
	return nil
}

var addressForm = regexp.MustCompile(`\b(10|127)\.\d+\.\d+\.\d+\b`)

func typedObjects(ctx context.Context, s *session, kube kubernetes.Interface) error {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "typed"}}
	}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "nothing-runs"}}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: selector.MatchLabels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "main", Image: "example.com/none:1",
			Ports: []corev1.ContainerPort{{ContainerPort: 80}},
			Resources: corev1.ResourceRequirements{
				Limits: corev1.ResourceList{"cpu": resource.MustParse("0.5"), "memory": resource.MustParse("1e6")},
			},
			LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(80)}}},
			Env:           []corev1.EnvVar{{Name: "A", Value: "1"}},
		}}},
	}
	once := template
	once.Spec.RestartPolicy = corev1.RestartPolicyNever
	in, create := s.namespace, metav1.CreateOptions{FieldManager: "typed"}
	shown := func(step string, answer any, err error) {
		if err != nil {
			outcome(step, nil, err)
			return
		}
		say(step, "answer", withoutAddresses(plain(answer)))
	}
	configMap, err := kube.CoreV1().ConfigMaps(in).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: meta("config"), Data: map[string]string{"text": "héllo\n"}, BinaryData: map[string][]byte{"bytes": {0, 1, 255}},
		Immutable: ptr.To(true),
	}, create)
	shown("config map", configMap, err)
	secret, err := kube.CoreV1().Secrets(in).Create(ctx, &corev1.Secret{
		ObjectMeta: meta("secret"), StringData: map[string]string{"word": "swordfish"}, Data: map[string][]byte{"raw": {1, 2}},
	}, create)
	shown("secret", secret, err)
	service, err := kube.CoreV1().Services(in).Create(ctx, &corev1.Service{
		ObjectMeta: meta("service"),
		Spec:       corev1.ServiceSpec{Selector: selector.MatchLabels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("web")}}},
	}, create)
	shown("service", service, err)
	deployment, err := kube.AppsV1().Deployments(in).Create(ctx, &appsv1.Deployment{
		ObjectMeta: meta("deployment"), Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(0)), Selector: selector, Template: template},
	}, create)
	shown("deployment", deployment, err)
	set, err := kube.AppsV1().StatefulSets(in).Create(ctx, &appsv1.StatefulSet{
		ObjectMeta: meta("set"),
		Spec:       appsv1.StatefulSetSpec{Replicas: ptr.To(int32(0)), ServiceName: "service", Selector: selector, Template: template},
	}, create)
	shown("stateful set", set, err)
	daemons, err := kube.AppsV1().DaemonSets(in).Create(ctx, &appsv1.DaemonSet{
		ObjectMeta: meta("daemons"), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: onNoNode(template)},
	}, create)
	shown("daemon set", daemons, err)
	job, err := kube.BatchV1().Jobs(in).Create(ctx, &batchv1.Job{
		ObjectMeta: meta("job"), Spec: batchv1.JobSpec{Suspend: ptr.To(true), Template: corev1.PodTemplateSpec{Spec: once.Spec}},
	}, create)
	shown("job", job, err)
	cron, err := kube.BatchV1().CronJobs(in).Create(ctx, &batchv1.CronJob{
		ObjectMeta: meta("cron"),
		Spec: batchv1.CronJobSpec{Schedule: "0 0 1 1 *", Suspend: ptr.To(true), JobTemplate: batchv1.JobTemplateSpec{
			Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: once.Spec}},
		}},
	}, create)
	shown("cron job", cron, err)
	budget, err := kube.PolicyV1().PodDisruptionBudgets(in).Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: meta("budget"), Spec: policyv1.PodDisruptionBudgetSpec{Selector: selector, MaxUnavailable: ptr.To(intstr.FromString("50%"))},
	}, create)
	shown("budget", budget, err)
	claim, err := kube.CoreV1().PersistentVolumeClaims(in).Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: meta("claim"),
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: ptr.To(""),
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("1Gi")}},
		},
	}, create)
	shown("claim", claim, err)
	_, err = kube.AppsV1().Deployments(in).Create(ctx, &appsv1.Deployment{ObjectMeta: meta("wrong")}, create)
	shown("a deployment of nothing", nil, err)
	_, err = kube.CoreV1().Services(in).Create(ctx, &corev1.Service{ObjectMeta: meta("9wrong"), Spec: corev1.ServiceSpec{
		Ports: []corev1.ServicePort{{Port: 70000}, {Port: 70000}},
	}}, create)
	shown("a wrong service", nil, err)
	return nil
}

func onNoNode(template corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	template.Spec.NodeSelector = map[string]string{"there": "is-none"}
	return template
}

// withoutAddresses replaces addresses that a server gave out.
func withoutAddresses(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			value[name] = withoutAddresses(inner)
		}
	case []any:
		for at, inner := range value {
			value[at] = withoutAddresses(inner)
		}
	case string:
		return addressForm.ReplaceAllString(value, "ADDRESS")
	}
	return value
}

func typedChanges(ctx context.Context, s *session, kube kubernetes.Interface) error {
	deployments, secrets := kube.AppsV1().Deployments(s.namespace), kube.CoreV1().Secrets(s.namespace)
	before, err := secrets.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	watched, err := secrets.Watch(ctx, metav1.ListOptions{ResourceVersion: before.ResourceVersion})
	if err != nil {
		return err
	}
	defer watched.Stop()
	for writer := range 3 {
		err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
			secret, err := secrets.Get(ctx, "secret", metav1.GetOptions{})
			if err != nil {
				return err
			}
			secret.Data["writer"] = fmt.Append(nil, writer)
			_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := secrets.Delete(ctx, "secret", metav1.DeleteOptions{}); err != nil {
		return err
	}
	if err := sayEvents("secret event", watched, func(event watch.Event) bool { return event.Type == watch.Deleted }); err != nil {
		return err
	}
	// Its controller has said all that it says.
	if err := eventually(ctx, "the deployment is looked after", func(ctx context.Context) (bool, error) {
		found, err := deployments.Get(ctx, "deployment", metav1.GetOptions{})
		return err == nil && found.Status.ObservedGeneration == found.Generation && len(found.Status.Conditions) == 2, err
	}); err != nil {
		return err
	}
	patched, err := deployments.Patch(ctx, "deployment", types.StrategicMergePatchType, []byte(
		`{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"B","value":"2"}]},{"name":"side","image":"example.com/side"}]}}}}`),
		metav1.PatchOptions{})
	if err == nil {
		patched.Status, patched.ManagedFields = appsv1.DeploymentStatus{}, nil // of controllers, in part
	}
	outcome("strategic patch of a deployment", patched, err)
	scale, err := deployments.GetScale(ctx, "deployment", metav1.GetOptions{})
	outcome("scale of a deployment", scale, err)
	scale.Spec.Replicas, scale.ResourceVersion = 0, ""
	scale, err = deployments.UpdateScale(ctx, "deployment", scale, metav1.UpdateOptions{})
	outcome("scaled", scale, err)
	config, err := kube.CoreV1().ConfigMaps(s.namespace).Get(ctx, "config", metav1.GetOptions{})
	if err != nil {
		return err
	}
	config.Data["text"] = "other"
	_, err = kube.CoreV1().ConfigMaps(s.namespace).Update(ctx, config, metav1.UpdateOptions{})
	outcome("change what is immutable", nil, err)
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		deployment, err := deployments.Get(ctx, "deployment", metav1.GetOptions{})
		if err != nil {
			return err
		}
		deployment.Spec.Selector.MatchLabels = map[string]string{"app": "other"}
		_, err = deployments.Update(ctx, deployment, metav1.UpdateOptions{})
		return err
	})
	outcome("change a selector", nil, err)
	_, err = kube.CoreV1().ConfigMaps("absent").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{})
	outcome("create in no namespace", nil, err)
	return nil
}

// compressed reads a large list as a client that takes gzip, and one that does not.
func compressed(ctx context.Context, s *session, kube kubernetes.Interface) error {
	large := strings.Repeat("all work and no play ", 2_000)
	for at := range 8 {
		made := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("large-%d", at), Labels: map[string]string{"large": "yes"}},
			Data:       map[string]string{"text": large},
		}
		if _, err := kube.CoreV1().ConfigMaps(s.namespace).Create(ctx, made, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	client, err := rest.HTTPClientFor(s.config)
	if err != nil {
		return err
	}
	for _, encoding := range []string{"gzip", "identity"} {
		for _, selector := range []string{"large=yes", "large=no"} {
			url := fmt.Sprintf("%s/api/v1/namespaces/%s/configmaps?labelSelector=%s", s.config.Host, s.namespace, selector)
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			request.Header.Set("Accept-Encoding", encoding)
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			response.Body.Close()
			say("a list", "wanted", encoding, "selector", selector, "encoding", response.Header.Get("Content-Encoding"),
				"vary", response.Header.Values("Vary"), "type", response.Header.Get("Content-Type"))
		}
	}
	list, err := kube.CoreV1().ConfigMaps(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: "large=yes"})
	if err != nil {
		return err
	}
	bytes := 0
	for _, item := range list.Items {
		bytes += len(item.Data["text"])
	}
	say("a large list", "objects", len(list.Items), "bytes", bytes)
	return nil
}

func rights(ctx context.Context, s *session, kube kubernetes.Interface) error {
	accounts := kube.CoreV1().ServiceAccounts(s.namespace)
	if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	token, err := accounts.CreateToken(ctx, "robot", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To(int64(900))},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	bearer := token.Status.Token
	token.Status.Token = "TOKEN"
	token.Spec.Audiences, token.ManagedFields = nil, nil // what nobody keeps has owners upstream alone
	say("token", "answer", token)
	_, err = accounts.CreateToken(ctx, "robot", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To(int64(5))},
	}, metav1.CreateOptions{})
	outcome("a token for a moment", nil, err)
	_, err = accounts.CreateToken(ctx, "absent", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	outcome("a token for nobody", nil, err)

	config := rest.AnonymousClientConfig(s.config)
	config.BearerToken = bearer
	config.ContentType = runtime.ContentTypeProtobuf
	robot, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	who, err := robot.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err == nil {
		who.Status.UserInfo.Extra = nil
	}
	outcome("who the robot is", who, err)
	_, err = robot.CoreV1().ConfigMaps(s.namespace).List(ctx, metav1.ListOptions{})
	outcome("the robot lists", nil, err)
	if err := robotMay(ctx, s, robot, "before"); err != nil {
		return err
	}
	if err := s.grantRobot(ctx, kube); err != nil {
		return err
	}
	if err := eventually(ctx, "the right takes hold", func(ctx context.Context) (bool, error) {
		_, err := robot.CoreV1().ConfigMaps(s.namespace).List(ctx, metav1.ListOptions{})
		return err == nil, nil
	}); err != nil {
		return err
	}
	if err := robotMay(ctx, s, robot, "after"); err != nil {
		return err
	}
	_, err = robot.CoreV1().ConfigMaps(s.namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "robots"}}, metav1.CreateOptions{})
	outcome("the robot creates", nil, err)
	_, err = robot.RbacV1().Roles(s.namespace).Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "more"}}, metav1.CreateOptions{})
	outcome("the robot gives itself rights", nil, err)
	rules, err := robot.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: s.namespace},
	}, metav1.CreateOptions{})
	if err == nil {
		own := []authorizationv1.ResourceRule{}
		for _, rule := range rules.Status.ResourceRules {
			if strings.Join(rule.Resources, ",") == "configmaps" {
				own = append(own, rule)
			}
		}
		say("the robot's own rules", "rules", own, "incomplete", rules.Status.Incomplete)
	}
	review, err := kube.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: bearer},
	}, metav1.CreateOptions{})
	if err == nil {
		review.Spec.Token, review.Status.User.Extra, review.Status.Audiences = "TOKEN", nil, nil
		review.ManagedFields = nil
	}
	outcome("token review", review, err)
	review, err = kube.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: "nonsense"},
	}, metav1.CreateOptions{})
	say("review of nonsense", "authenticated", err == nil && review.Status.Authenticated)
	if err := accounts.Delete(ctx, "robot", metav1.DeleteOptions{}); err != nil {
		return err
	}
	return eventually(ctx, "the token is worth nothing", func(ctx context.Context) (bool, error) {
		_, err := robot.CoreV1().ConfigMaps(s.namespace).List(ctx, metav1.ListOptions{})
		if said, ok := refusalStatus(err); ok && said.Code == http.StatusUnauthorized {
			outcome("the robot is gone", nil, err)
			return true, nil
		}
		return false, nil
	})
}

func (s *session) grantRobot(ctx context.Context, kube kubernetes.Interface) error {
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "watch"}}},
	}
	if _, err := kube.RbacV1().Roles(s.namespace).Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return err
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: s.namespace, Name: "robot"}},
	}
	_, err := kube.RbacV1().RoleBindings(s.namespace).Create(ctx, binding, metav1.CreateOptions{})
	return err
}

func robotMay(ctx context.Context, s *session, robot kubernetes.Interface, when string) error {
	for _, asked := range []authorizationv1.ResourceAttributes{
		{Namespace: s.namespace, Verb: "list", Resource: "configmaps"},
		{Namespace: s.namespace, Verb: "create", Resource: "configmaps"},
		{Namespace: "kube-system", Verb: "list", Resource: "configmaps"},
		{Namespace: s.namespace, Verb: "get", Resource: "pods", Subresource: "log"},
		{Verb: "list", Resource: "nodes"},
	} {
		review, err := robot.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &asked},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		say("the robot may", "when", when, "asked", asked, "status", review.Status)
	}
	return nil
}
