module github.com/kubernaut/kubernaut/tools/offline/node/pause

go 1.24
