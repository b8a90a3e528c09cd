package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Image is one container's image as the manifest has it.
type Image struct {
	Name string // "gateway": the placeholder for the delivered reference
	Line int    // in the object's file
}

// ContainerLists are the fields of a pod's specification that hold containers with an image.
func ContainerLists() []string { return []string{"initContainers", "containers"} }

// PodSpec returns the path from an object of the built-in kinds with pods to their specification, nil for other kinds.
func PodSpec(group, kind string) []string {
	switch group + "/" + kind {
	case "/Pod":
		return []string{"spec"}
	case "/PodTemplate":
		return []string{"template", "spec"}
	case "/ReplicationController", "apps/Deployment", "apps/StatefulSet", "apps/DaemonSet", "apps/ReplicaSet", "batch/Job":
		return []string{"spec", "template", "spec"}
	case "batch/CronJob":
		return []string{"spec", "jobTemplate", "spec", "template", "spec"}
	}
	return nil
}

// Images returns the images of the object's containers in the manifest's order. A container without an image has the
// name "" and its own line.
func (o Object) Images() []Image {
	path := PodSpec(o.Group(), o.Kind())
	if path == nil {
		return nil
	}
	spec := o.node
	for _, key := range path {
		spec = child(spec, key)
	}
	var images []Image
	for _, list := range ContainerLists() {
		for _, container := range sequence(child(spec, list)) {
			image := Image{Line: resolve(container).Line}
			if node := child(container, "image"); node != nil {
				image = Image{Name: node.Value, Line: node.Line}
			}
			images = append(images, image)
		}
	}
	slices.SortStableFunc(images, func(a, b Image) int { return a.Line - b.Line })
	return images
}

// CheckImages reports every image of the objects that is not among the suite's names, each with its file and line.
func CheckImages(objects []Object, names []string) error {
	var errs []error
	for _, object := range objects {
		for _, image := range object.Images() {
			if !slices.Contains(names, image.Name) {
				errs = append(errs, fmt.Errorf("%s:%d: image %q is not an image of this suite; it has %s",
					object.File, image.Line, image.Name, listing(names)))
			}
		}
	}
	return errors.Join(errs...)
}

func listing(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
