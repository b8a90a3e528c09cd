package posts

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/platform"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
	"github.com/kubernaut/kubernaut/test/images/receiver/inbox"
)

const (
	// slackSecret is where notification's manifest takes SLACK_WEBHOOK_URL from.
	slackSecret = "notification-slack"
	// filesPort is the port of the container that serves notification's output folder.
	filesPort = 8083
)

// SetSlack makes the Secret that sends slack deliveries to a path of the receiver, in place of one that an interrupted run has
// left, and returns what removes it. Pods that start later have it.
func SetSlack(ctx context.Context, p *platform.Platform, path string) (remove func(context.Context) error, err error) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: slackSecret, Namespace: p.Namespace},
		StringData: map[string]string{"webhook-url": URL(path)},
	}
	remove = func(ctx context.Context) error { return client.IgnoreNotFound(p.Client.Delete(ctx, secret.DeepCopy())) }
	return remove, errors.Join(remove(ctx), p.Client.Create(ctx, secret))
}

// ServeFiles puts the receiver's program beside notification's: a pod without a shell shows its files in no other way. It
// returns what takes it away again, which is nil when nothing was changed.
func ServeFiles(ctx context.Context, p *platform.Platform) (restore func(context.Context) error, err error) {
	image, err := p.Image(ctx, inbox.Service)
	if err != nil {
		return nil, err
	}
	no, yes := false, true
	return p.AddContainer(ctx, api.Notification, corev1.Container{
		Name: "files", Image: image,
		Args:         []string{fmt.Sprintf("--http=:%d", filesPort), "--https=", "--serve-dir=/files"},
		VolumeMounts: []corev1.VolumeMount{{Name: "output", MountPath: "/files", ReadOnly: true}},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(filesPort)},
		}},
	})
}

// ReadFiles reads a path below the folder that ServeFiles serves; "" is its list of inbox.FileInfo.
func ReadFiles(ctx context.Context, p *platform.Platform, path string) (wire.Response, error) {
	pods, err := p.Pods(ctx, api.Notification)
	if err != nil {
		return wire.Response{}, err
	}
	if len(pods) != 1 {
		return wire.Response{}, fmt.Errorf("notification has %d pods, want one", len(pods))
	}
	response, err := p.GetFromPod(ctx, pods[0].Name, filesPort, "/files/"+path)
	if err == nil && response.Status != http.StatusOK {
		err = fmt.Errorf("reading file %q of notification's pod: %d %s", path, response.Status, response.Body)
	}
	return response, err
}

// FileName is that of the file which holds a delivered message.
func FileName(request *api.NotificationRequest) string {
	return fmt.Sprintf("%s.%s.json", request.Name, request.UID)
}
