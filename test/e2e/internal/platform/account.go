package platform

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/api"
)

// tokenSeconds is the life of a suite's token; the API server issues none for less than 10 minutes.
const tokenSeconds = 3600

// AccountName is the name of Account's ServiceAccount.
func (p *Platform) AccountName(role string) string { return "e2e-" + p.Run + "-" + role }

// Account makes a ServiceAccount named after the run and the role, and returns a token of it.
func (p *Platform) Account(ctx context.Context, role string) (name, token string, err error) {
	name = p.AccountName(role)
	accounts := p.Kube.CoreV1().ServiceAccounts(p.Namespace)
	if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		return "", "", fmt.Errorf("creating ServiceAccount %q: %w", name, err)
	}
	seconds := int64(tokenSeconds)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	answer, err := accounts.CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", "", fmt.Errorf("requesting a token of ServiceAccount %q: %w", name, err)
	}
	return name, answer.Status.Token, nil
}

// accountLabel is on every RoleBinding of Bind and holds the account's name.
const accountLabel = "kubernaut.ai/e2e-account"

// Bind gives an account of Account a ClusterRole in the platform's namespace.
func (p *Platform) Bind(ctx context.Context, account, role string) error {
	_, err := p.Kube.RbacV1().RoleBindings(p.Namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account + "-" + role, Labels: map[string]string{accountLabel: account}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: p.Namespace, Name: account}},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("binding ServiceAccount %q to ClusterRole %q: %w", account, role, err)
	}
	return nil
}

// Unbind undoes Bind. The account stays.
func (p *Platform) Unbind(ctx context.Context, account, role string) error {
	return present(p.Kube.RbacV1().RoleBindings(p.Namespace).Delete(ctx, account+"-"+role, metav1.DeleteOptions{}))
}

// LetUseDataStorage binds an account of Account to the role that callers of datastorage hold.
func (p *Platform) LetUseDataStorage(ctx context.Context, account string) error {
	return p.Bind(ctx, account, api.DataStorageClientRole)
}

// BarFromDataStorage undoes LetUseDataStorage. The account stays.
func (p *Platform) BarFromDataStorage(ctx context.Context, account string) error {
	return p.Unbind(ctx, account, api.DataStorageClientRole)
}

// RemoveAccount removes what Account and Bind made. An account that is not there is no error.
func (p *Platform) RemoveAccount(ctx context.Context, account string) error {
	bindings := metav1.ListOptions{LabelSelector: accountLabel + "=" + account}
	return errors.Join(
		p.Kube.RbacV1().RoleBindings(p.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, bindings),
		present(p.Kube.CoreV1().ServiceAccounts(p.Namespace).Delete(ctx, account, metav1.DeleteOptions{})),
	)
}

func present(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
