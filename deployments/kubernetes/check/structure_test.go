package check

import (
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// report is a list of complaints.
type report []string

// want adds a complaint unless something holds.
func (r *report) want(holds bool, format string, args ...any) {
	if !holds {
		*r = append(*r, fmt.Sprintf(format, args...))
	}
}

// complaints are what is wrong with a tree though each of its objects is well formed: names that lead nowhere, and
// promises of the documentation that are not kept.
func (t *tree) complaints(nodes int32) []string {
	var found report
	want := found.want
	spec := t.set.Spec
	want(spec.Replicas != nil && *spec.Replicas == nodes, "replicas is not %d", nodes)
	want(t.settings.Data["XYLEM_TREE_DEPTH"] == fmt.Sprint(depthOf(nodes)), "the nodes are not told their depth")
	want(spec.ServiceName == t.names.Name, "serviceName %s: no such Service", spec.ServiceName)
	want(spec.PodManagementPolicy == appsv1.ParallelPodManagement, "podManagementPolicy is not Parallel")

	labels := spec.Template.Labels
	selects := func(what string, selector map[string]string) {
		want(len(selector) > 0 && subset(selector, labels), "%s selects no pod: %v", what, selector)
	}
	ofLabels := func(what string, selector *metav1.LabelSelector) {
		want(selector != nil && len(selector.MatchExpressions) == 0, "%s has no selector of labels alone", what)
		if selector != nil {
			selects(what, selector.MatchLabels)
		}
	}
	ofLabels("StatefulSet", spec.Selector)
	ofLabels("PodDisruptionBudget", t.budget.Spec.Selector)
	selects("Service xylem", t.names.Spec.Selector)
	selects("Service xylem-client", t.clients.Spec.Selector)
	for _, spread := range spec.Template.Spec.TopologySpreadConstraints {
		ofLabels("topologySpreadConstraints", spread.LabelSelector)
	}

	want(t.names.Spec.ClusterIP == corev1.ClusterIPNone, "the Service xylem is not headless")
	want(t.names.Spec.PublishNotReadyAddresses, "the Service xylem hides nodes that are not ready, and so do not find each other")
	want(!t.clients.Spec.PublishNotReadyAddresses, "the Service xylem-client sends clients to nodes that are not ready")
	budget := t.budget.Spec
	want(budget.MinAvailable == nil && budget.MaxUnavailable != nil && budget.MaxUnavailable.IntValue() == 1, "maxUnavailable is not 1")
	return append(found, t.podComplaints()...)
}

// podComplaints are those about the pods alone.
func (t *tree) podComplaints() []string {
	var found report
	want := found.want
	pod := t.set.Spec.Template.Spec
	want(pod.EnableServiceLinks != nil && !*pod.EnableServiceLinks, "enableServiceLinks is not off")
	want(len(pod.Containers) == 1, "%d containers, not 1", len(pod.Containers))
	node := pod.Containers[0]

	ports := map[string]int32{}
	for _, port := range node.Ports {
		ports[port.Name] = port.ContainerPort
	}
	for _, service := range []corev1.Service{t.names, t.clients} {
		for _, port := range service.Spec.Ports {
			want(ports[port.TargetPort.String()] == port.Port, "Service %s: port %d is not that of the container", service.Name, port.Port)
		}
	}
	for path, probes := range map[string][]*corev1.Probe{"/healthz": {node.StartupProbe, node.LivenessProbe}, "/readyz": {node.ReadinessProbe}} {
		for _, probe := range probes {
			asks := probe != nil && probe.HTTPGet != nil
			want(asks && probe.HTTPGet.Path == path, "a probe does not ask %s", path)
			want(asks && ports[probe.HTTPGet.Port.String()] != 0, "the probe of %s asks a port that the container does not have", path)
		}
	}

	variables := map[string]string{}
	for _, variable := range node.Env {
		if variable.ValueFrom != nil && variable.ValueFrom.FieldRef != nil {
			variables[variable.Name] = variable.ValueFrom.FieldRef.FieldPath
		}
	}
	want(slices.Equal(node.Args, []string{"node", "--ordinal", "$(POD_NAME)"}) && variables["POD_NAME"] == "metadata.name",
		"the node is not told its name: %q", node.Args)
	want(len(node.EnvFrom) == 1 && node.EnvFrom[0].ConfigMapRef != nil && node.EnvFrom[0].ConfigMapRef.Name == t.settings.Name,
		"the node does not get the ConfigMap")
	return slices.Concat(found, t.volumeComplaints(), hardening(pod))
}

// volumeComplaints are those about what is mounted.
func (t *tree) volumeComplaints() []string {
	var found []string
	volumes := map[string]bool{}
	for _, claim := range t.set.Spec.VolumeClaimTemplates {
		volumes[claim.Name] = true
	}
	pod := t.set.Spec.Template.Spec
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
		if volume.Secret == nil || volume.Secret.SecretName != "xylem" {
			found = append(found, "the volume "+volume.Name+" is not the Secret xylem")
		}
	}
	mounted := map[string]string{}
	for _, mount := range pod.Containers[0].VolumeMounts {
		mounted[mount.MountPath] = mount.Name
		if !volumes[mount.Name] {
			found = append(found, "there is no volume "+mount.Name)
		}
	}
	if mounted["/data"] != "data" || t.settings.Data["XYLEM_AUTH_CLUSTER_SECRET_FILE"] != "/run/secrets/xylem/cluster.secret" || mounted["/run/secrets/xylem"] == "" {
		found = append(found, fmt.Sprintf("the data or the secret is not where the node looks for it: %v", mounted))
	}
	return found
}

// hardening are the complaints about a pod that may do more than it needs to: the profile "restricted" of the Pod
// Security Standards, and a root file system that is read-only.
func hardening(pod corev1.PodSpec) []string {
	yes := func(b *bool) bool { return b != nil && *b }
	no := func(b *bool) bool { return b != nil && !*b }
	all, own := pod.SecurityContext, pod.Containers[0].SecurityContext
	if all == nil || own == nil || own.Capabilities == nil || all.SeccompProfile == nil {
		return []string{"a securityContext is missing, or incomplete"}
	}
	var found []string
	for what, holds := range map[string]bool{
		"runs as root":                       yes(all.RunAsNonRoot) && all.RunAsUser != nil && *all.RunAsUser != 0,
		"cannot read its volumes":            all.FSGroup != nil,
		"may make any system call":           all.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
		"may write to its root file system":  yes(own.ReadOnlyRootFilesystem),
		"may become somebody else":           no(own.AllowPrivilegeEscalation),
		"has capabilities":                   slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(own.Capabilities.Add) == 0,
		"gets the service account's token":   no(pod.AutomountServiceAccountToken),
		"may take all of a machine's memory": !pod.Containers[0].Resources.Limits.Memory().IsZero(),
	} {
		if !holds {
			found = append(found, "a pod "+what)
		}
	}
	return found
}

// subset reports whether all of some labels are among others.
func subset(some, others map[string]string) bool {
	merged := maps.Clone(others)
	maps.Copy(merged, some)
	return maps.Equal(merged, others)
}

// depthOf is the depth of a tree of so many nodes.
func depthOf(nodes int32) (depth int) {
	for n := int32(1); n <= nodes; n *= 2 {
		depth++
	}
	return depth
}
